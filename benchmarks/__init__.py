"""Benchmarks. Each is one command that prints its table; ratios come from one interleaved run."""
