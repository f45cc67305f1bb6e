"""How fast the detector engine is, against its peers and against the machine: `python -m benchmarks.engine`.

Models have random weights and posts are made-up words: neither changes what a pass costs.
"""
