"""Model cards: what a detector or a generator is, for whom, and what was measured of it."""
