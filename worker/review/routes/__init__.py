"""What the console answers, by concern: entering and leaving, reading, deciding; and the gate before them."""
