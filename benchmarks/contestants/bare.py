"""A bare kafka-python loop: consume, decode, produce one in twenty, commit a transaction. No more."""

from __future__ import annotations

import sys
import uuid

import msgspec
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata

from benchmarks.contestants.measure import Meter
from worker.records import Post

ONE_IN = 20
TRANSACTION_POSTS = 10_000


def main() -> None:
    """Arguments: bootstrap servers, topic, topic out, posts."""
    servers, topic, out, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    run = uuid.uuid4().hex
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=run,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_poll_records=2_000,
        metrics_enabled=False,
    )
    producer = KafkaProducer(
        bootstrap_servers=servers, transactional_id=run, acks="all", metrics_enabled=False
    )
    producer.init_transactions()
    decoder = msgspec.json.Decoder(Post)
    meter = Meter(count)
    done = pending = 0
    offsets: dict[object, OffsetAndMetadata] = {}
    producer.begin_transaction()
    while True:
        for partition, records in consumer.poll(timeout_ms=100).items():
            for record in records:
                decoder.decode(record.value)
                pending += 1
                if (done + pending) % ONE_IN == 0:
                    producer.send(out, value=record.value, key=record.key)
            offsets[partition] = OffsetAndMetadata(records[-1].offset + 1, "", -1)
        if pending >= TRANSACTION_POSTS or done + pending >= count:
            producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
            producer.commit_transaction()
            done += pending
            pending = 0
            if meter.committed(done):
                break
            producer.begin_transaction()
    producer.close(timeout=1)
    consumer.close(autocommit=False)


if __name__ == "__main__":
    main()
