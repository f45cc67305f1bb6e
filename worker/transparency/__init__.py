"""The public report: what was flagged in a period, how often that was wrong, and what became of it."""
