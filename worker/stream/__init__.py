"""Posts out of Kafka, flags back into it, exactly once."""
