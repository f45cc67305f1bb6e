"""What is known about a post beside its text's likelihood of being generated. One file a signal.

Two kinds: those read from the post alone (`protocol.PostSignal`), and those that remember other posts in
Redis (`protocol.StateSignal`). `readings.SignalSet` reads all of them for a batch in one round trip.
"""
