"""Audits: a range of the posts topic is decided again, and compared with what was published.

`kafka_range` or `capture` reads, `scoring` runs the model and leaves `parts` on disk, `merging` joins them
with the published flags, decides in the order of event time and writes what came of it, `manifest` seals it.
"""
