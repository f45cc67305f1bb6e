"""Flagstaff: reads posts from Kafka and publishes flags for the staff who decide."""

__version__ = "0.1.0"
