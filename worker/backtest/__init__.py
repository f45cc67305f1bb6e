"""What candidate detectors and policies would have done on a range of posts, beside the live one.

It stands on `worker.replay`, which reads, scores and decides: `candidates` says what is tried, `account`
counts, `staff` has the reviewers' word, `figures` is what comes out, `backtesting` puts them together.
"""
