"""Labelled machine text from any causal language model: what `flagstaff generate` does."""
