"""A calibration from a user's own texts: slope and intercept by length, a threshold, and what it promises."""
