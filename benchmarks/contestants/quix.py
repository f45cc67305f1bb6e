"""quix-streams with its exactly-once guarantee, on the same decoding and producing."""

from __future__ import annotations

import sys
import tempfile
import uuid
from typing import Any

import msgspec
from quixstreams import Application

from benchmarks.contestants.bare import ONE_IN, TRANSACTION_POSTS
from benchmarks.contestants.measure import Meter
from worker.records import Post


def main() -> None:
    """Arguments: bootstrap servers, topic, topic out, posts."""
    servers, topic, out, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    decoder = msgspec.json.Decoder(Post)
    meter = Meter(count)
    seen = 0

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=servers,
            consumer_group=uuid.uuid4().hex,
            auto_offset_reset="earliest",
            processing_guarantee="exactly-once",
            commit_every=TRANSACTION_POSTS,
            commit_interval=1.0,
            auto_create_topics=False,
            loglevel="ERROR",
            state_dir=folder,
        )
        source = app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")
        target = app.topic(out, value_serializer="bytes", key_serializer="bytes")

        def decide(value: bytes) -> bytes:
            nonlocal seen
            decoder.decode(value)
            seen += 1
            if meter.committed(seen):
                app.stop()
            return value

        def chosen(_: Any) -> bool:
            return seen % ONE_IN == 0

        frame = app.dataframe(source).apply(decide)
        frame[frame.apply(chosen)].to_topic(target)
        app.run()


if __name__ == "__main__":
    main()
