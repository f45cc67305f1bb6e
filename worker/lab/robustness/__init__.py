"""What attacks on a text, and another use of a generator, change of what a detector says."""
