"""Reads flags as soon as they are committed; prints when each post was on its topic, and when it was read.

A process of its own: beside a thread that sends posts it would wait for the interpreter lock.
"""

from __future__ import annotations

import sys
import time
import uuid

import msgspec
from confluent_kafka import Consumer


class Source(msgspec.Struct):
    """Of a flag."""

    timestamp: int


class Flag(msgspec.Struct):
    """What is read of a flag."""

    source: Source


def main() -> None:
    """Arguments: bootstrap servers, topic. Prints two moments a line, in seconds since 1970, until killed."""
    _, servers, topic = sys.argv
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.subscribe([topic])
    decoder = msgspec.json.Decoder(Flag)
    while True:
        # One by one: a call for many would wait for more of them.
        message = consumer.poll(1.0)
        if message is not None and message.error() is None and (value := message.value()) is not None:
            now = time.time()
            print(decoder.decode(value).source.timestamp / 1000, now, flush=True)


if __name__ == "__main__":
    main()
