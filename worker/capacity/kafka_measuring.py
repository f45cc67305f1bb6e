"""Measures what reading and publishing cost, against a Kafka."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from kafka import KafkaAdminClient, KafkaProducer

from worker.capacity.fitting import fitted
from worker.capacity.measuring import Taken, counting, switches, taken
from worker.errors import BrokerError
from worker.metrics import REGISTRY
from worker.stream.client import client_options, producer_options
from worker.stream.outbox import Outbox, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.capacity.costs import Affine
    from worker.settings import Settings
    from worker.stream.item import Item
    from worker.stream.outbox import Outgoing
    from worker.stream.source import Source

PARTITIONS: Final = 4
# Posts that come by ones and twos: a batch of the producer's, which a fetch gives whole.
_FEW: Final = 4
# Records of a full topic to each one of a topic of a few.
TRICKLE: Final = 32
_RECORDS: Final = (1, 16, 128, 1_024)
_PATIENCE_S: Final = 60.0
# Polls with records that tell something, the first one among them.
_FEWEST: Final = 3
_PAUSE_S: Final = 0.05
_TURN_S: Final = 0.005


def fill(settings: Settings, topic: str, records: Iterable[bytes], *, together: int) -> None:
    """Makes a topic and puts records on it, so many in a batch."""
    admin = KafkaAdminClient(**client_options(settings.kafka))
    admin.create_topics(
        {topic: {"num_partitions": PARTITIONS, "replication_factor": -1}}, wait_for_metadata=True
    )
    admin.close()
    producer = KafkaProducer(linger_ms=1_000, batch_size=2**20, **client_options(settings.kafka))
    for number, record in enumerate(records):
        producer.send(topic, value=record, partition=number // together % PARTITIONS)
        if together <= _FEW * PARTITIONS and number % together == together - 1:
            producer.flush()
    producer.flush()
    producer.close()


class Read(NamedTuple):
    """What reading cost, and what was read.

    Attributes:
        poll: a fetch; each record. In core-seconds, those of the client's threads included.
        turn: a poll that brings none.
        fetch_wait: waited for an answer to a fetch.
        fetch_switches: times that the interpreter lock is asked for in one.
        items: the records of the first topic.
    """

    poll: Affine
    turn: float
    fetch_wait: float
    fetch_switches: float
    items: list[Item]


def reading_costs(settings: Settings, full: Source, trickle: Source, count: int) -> Read:
    """Costs of polls.

    Args:
        settings: the worker's.
        full: reads a topic with at least `count` records in large batches.
        trickle: reads one with records in batches of a few, a batch a fetch.
        count: records to read of the first; the second one is read to its end.

    Raises:
        BrokerError: they did not come in time.
    """
    most = settings.stream.poll_records
    items: list[Item] = []
    large, sizes = _polls(full, most, count, items)
    few, few_sizes = _polls(trickle, most, count // TRICKLE // 2, [])
    with counting():
        beside, _ = _polls(trickle, most, count // TRICKLE // 2, [])
    each = sum(one.core_s for one in large) / sum(sizes)
    poll = fitted(
        [statistics.mean(few_sizes), statistics.mean(sizes)],
        [statistics.mean(one.core_s for one in few), each * statistics.mean(sizes)],
    )
    alone, core_s = (statistics.median(took) for took in zip(*few, strict=True))
    asked = switches(alone, core_s, statistics.median(one.seconds for one in beside))
    empty = [taken(lambda: trickle.poll(max_records=most, timeout_ms=5, settle=True)) for _ in range(50)]
    turn = statistics.median(one.core_s for one in empty)
    return Read(poll, turn, max(0.0, alone - core_s), asked, items)


def _polls(source: Source, most: int, count: int, items: list[Item]) -> tuple[list[Taken], list[int]]:
    """Polls that brought records, until so many are read; the first one does not count."""
    found: list[Taken] = []
    sizes: list[int] = []
    until = time.monotonic() + _PATIENCE_S
    while len(items) < count and time.monotonic() < until:
        got: list[Item] = []

        def poll(got: list[Item] = got) -> None:
            got += source.poll(max_records=most, timeout_ms=1_000, settle=True)

        one = taken(poll)
        if got:
            items += got
            found.append(one)
            sizes.append(len(got))
    if len(found) < _FEWEST:
        raise BrokerError(f"plan: the embedded Kafka gave few records in {_PATIENCE_S:.0f} s; try again")
    return found[1:], sizes[1:]


class Published(NamedTuple):
    """What publishing cost.

    Attributes:
        publish: a transaction and each of its records, in core-seconds.
        commit_wait: waited for in a transaction.
        commit_switches: times that the interpreter lock is asked for in one.
    """

    publish: Affine
    commit_wait: float
    commit_switches: float


def publishing_costs(settings: Settings, source: Source, record: Outgoing, rounds: int = 12) -> Published:
    """Costs of transactions of several sizes, through the worker's own outbox.

    Args:
        settings: the worker's.
        source: a member of the group whose offsets are committed.
        record: what is published, again and again.
        rounds: transactions of each size; the first does not count.

    Raises:
        BrokerError: Kafka did not take one.
    """
    outbox = Outbox(producer_options(settings.kafka, f"{settings.kafka.group_id}-measured"), patience_s=30.0)
    _outcome(outbox)
    offsets = dict.fromkeys(source.tenures.snapshot(), 1)

    def transact(size: int) -> Taken:
        place = source.place_for_commit()
        if place is None:
            raise BrokerError("plan: the embedded Kafka's group fell apart while it was measured; try again")
        # One that follows at once is told to come back, as the last one's markers are still written.
        time.sleep(_PAUSE_S)
        outbox.submit(Transaction([record] * size, offsets, place))
        before, core_before = _commit_seconds(), time.process_time()
        _outcome(outbox)
        core_s = time.process_time() - core_before
        return Taken(_commit_seconds() - before, core_s)

    found = {size: [transact(size) for _ in range(rounds)][1:] for size in _RECORDS}
    cores = [statistics.median(one.core_s for one in found[size]) for size in _RECORDS]
    alone, core_s = (statistics.median(took) for took in zip(*found[_RECORDS[0]], strict=True))
    with counting():
        beside = statistics.median(transact(_RECORDS[0]).seconds for _ in range(rounds))
    outbox.close(5.0)
    return Published(fitted(_RECORDS, cores), max(0.0, alone - core_s), switches(alone, core_s, beside))


def _commit_seconds() -> float:
    return REGISTRY.get_sample_value("flagstaff_stage_seconds_sum", {"stage": "commit"}) or 0.0


def _outcome(outbox: Outbox) -> None:
    while (report := outbox.poll()) is None:
        time.sleep(_TURN_S)
    if report.fate not in {"ready", "committed"}:
        raise BrokerError(f"plan: the embedded Kafka did not take a transaction: {report.error!r}")
