"""Detectors: from a text to the log-odds that a machine wrote it."""
