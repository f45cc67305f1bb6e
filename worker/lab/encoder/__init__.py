"""Trains an encoder to tell human from machine text, whole, by low-rank adapters, or its head alone."""
