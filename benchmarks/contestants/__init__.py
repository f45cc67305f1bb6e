"""What the stream benchmark compares: each runs in a process of its own and prints one line of JSON."""
