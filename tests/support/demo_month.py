"""A month for the transparency report: a real worker over topics of its own, under a clock that is set.

Posts come at noon of each day, from nine days before March 2026 to two days after it. The staff decide on
some of the flags, authors appeal, some of that in April. On 13 March the worker comes hours late.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition
from kafka import KafkaProducer

from tests.support.independent_reader import committed_records
from tests.support.posts import broken, texts
from tests.support.running import running, worker_settings
from tests.support.topics import create_topic, unique_name
from tests.support.waiting import PATIENCE_S
from worker.records import Appeal, Flag
from worker.review.entry import Entry, name_of, to_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from worker.records import Verdict
    from worker.review.entry import Kind
    from worker.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
LATE_DAY = datetime(2026, 3, 13, tzinfo=UTC)
BRIEFLY_LATE_DAY = datetime(2026, 3, 21, tzinfo=UTC)
POSTS_A_DAY = 30
VERDICTS: tuple[Verdict, ...] = ("machine", "human", "unsure")

# Signals that need no Redis, with a say: so that a month has flags of every kind.
POLICY = {
    "name": "demo-month",
    "thresholds": {"label": 0.5, "review": 0.68, "limit": 0.85},
    "detector": {"alone": "label", "most": 1.5},
    "signals": {
        "account_age": {"weight": -0.9, "transform": "log1p", "neutral": 30, "most": 3.0, "supports": "limit"}
    },
}


class DemoMonth(NamedTuple):
    """The topics and how a command reaches them."""

    settings: Settings
    environ: dict[str, str]


class _Clock:
    """Stands for `datetime` where the worker asks for the time."""

    def __init__(self) -> None:
        self.at = START

    def now(self, zone: Any) -> datetime:
        return self.at.astimezone(zone)


class _Published:
    """Counts what comes onto topics, from their beginning on."""

    def __init__(self, servers: str, *topics: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": servers, "group.id": unique_name("published")})
        self._consumer.assign(
            [
                TopicPartition(topic, number, 0)
                for topic in topics
                for number in self._consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
            ]
        )

    def wait_for(self, more: int) -> None:
        """Returns once so many more are committed."""
        deadline = time.monotonic() + PATIENCE_S
        while more > 0:
            assert time.monotonic() < deadline, f"{more} records did not come"
            more -= sum(message.error() is None for message in self._consumer.consume(1_000, timeout=0.5))

    def close(self) -> None:
        """Ends it."""
        self._consumer.close()


def demo_month(folder: Path, servers: str, patch: pytest.MonkeyPatch) -> DemoMonth:
    """Makes the month; the topics keep their records however old these are."""
    partitions = {"posts": 3, "flags": 2, "dead_letters": 1, "decisions": 2, "appeals": 1}
    names = {name: unique_name(name) for name in partitions}
    for name, number in partitions.items():
        create_topic(servers, names[name], partitions=number, config={"retention.ms": "-1"})
    policy = folder / "policy.yaml"
    policy.write_text(json.dumps(POLICY))
    more = {
        "DETECTOR__MODEL": "default",
        "POLICY__FILE": str(policy),
        "TOPICS__DECISIONS": names["decisions"],
        "TOPICS__APPEALS": names["appeals"],
        "SIGNALS__ENABLED": "account_age",
        "ACTION_RATE__ENABLED": "false",
        "REVIEW__HOW_TO_APPEAL": "Press “Appeal” beside the post within six months.",
    }
    settings = worker_settings(folder, servers, names, **more)
    clock = _Clock()
    patch.setattr("worker.stream.stages.datetime", clock)
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=5)
    with running(settings), closing(_Published(servers, names["flags"], names["dead_letters"])) as published:
        for at, batch, decided in _days():
            clock.at = decided
            for number, value in enumerate(batch):
                moment = at + timedelta(seconds=10 * number)
                producer.send(names["posts"], value, str(number).encode(), timestamp_ms=_ms(moment))
            producer.flush()
            # A flag or a dead letter for each record with a value, in time for the next day's clock.
            published.wait_for(sum(value is not None for value in batch))
    flags = [json.loads(record.value()) for record in committed_records(servers, names["flags"])]
    entries, appeals = _reactions([msgspec.convert(one, Flag) for one in flags])
    for entry in sorted(entries, key=lambda one: one.at):
        key, value, headers = to_record(entry)
        producer.send(names["decisions"], value, key, headers=headers, timestamp_ms=_ms(entry.at))
    for appeal in sorted(appeals, key=lambda one: one.appealed_at):
        producer.send(names["appeals"], msgspec.json.encode(appeal), timestamp_ms=_ms(appeal.appealed_at))
    producer.close()
    ours = {
        "KAFKA__BOOTSTRAP_SERVERS": servers,
        "TOPICS__POSTS": names["posts"],
        "TOPICS__FLAGS": names["flags"],
        "TOPICS__DEAD_LETTERS": names["dead_letters"],
        "EMIT": "all",
        "DATA_DIR": str(folder),
        "LOG__LEVEL": "error",
    }
    return DemoMonth(settings, more | ours)


def _days() -> Iterator[tuple[datetime, list[bytes | None], datetime]]:
    """Batches: when they begin, the records, ten seconds apart, and when the worker decides them."""
    every, numbers, wrong = texts(), itertools.count(), broken(1_000)
    day = START - timedelta(days=9)
    while day < END + timedelta(days=2):
        noon = day + timedelta(hours=12)
        values: list[bytes | None] = [_post(next(numbers), next(every)[0], noon) for _ in range(POSTS_A_DAY)]
        values += itertools.islice(wrong, day.day % 3)
        if day.day % 7 == 0:
            values.append(None)
        late = timedelta(hours=3, minutes=40) if day == LATE_DAY else timedelta(minutes=6)
        yield noon, values, noon + late
        if day == BRIEFLY_LATE_DAY:
            evening = day + timedelta(hours=18)
            few: list[bytes | None] = [_post(next(numbers), next(every)[0], evening) for _ in range(6)]
            yield evening, few, evening + timedelta(minutes=30)
        day += timedelta(days=1)


def _post(number: int, text: str, at: datetime) -> bytes:
    ages = (0, 2, 9, 25, 60, 400, 900)
    post = {
        "id": f"p{number}",
        "text": "ok" if number % 23 == 0 else f"{text} ({number})",
        "lang": "de" if number % 31 == 0 else "en",
        "author": {
            "id": f"author-{number % 97}",
            "created_at": (at - timedelta(days=ages[number % len(ages)], hours=1)).isoformat(),
        },
    }
    return json.dumps(post).encode()


class _Desk:
    """Writes down what people do about one flag."""

    def __init__(self, flag: Flag) -> None:
        self._flag = flag
        self._made: dict[str, int] = {}
        self.entries: list[Entry] = []

    def add(
        self, who: str, at: datetime, verdict: Verdict = "unsure", kind: Kind = "verdict", *appeals: str
    ) -> None:
        before = self._made.get(who, 0)
        self._made[who] = before + 1
        self.entries.append(
            Entry(
                name=name_of(self._flag.id, who, before),
                flag_id=self._flag.id,
                post_id=self._flag.post_id,
                reviewer=who,
                kind=kind,
                verdict=verdict,
                note="",
                at=at,
                appeals=appeals,
            )
        )


def _reactions(flags: list[Flag]) -> tuple[list[Entry], list[Appeal]]:
    """What the staff and the authors do, drawn from a fixed seed."""
    draw = random.Random(8)  # noqa: S311 - made-up reviewers
    entries: list[Entry] = []
    appeals: list[Appeal] = []
    for flag in sorted(flags, key=lambda one: (one.source.timestamp, one.post_id)):
        if flag.action in {"pass", "abstain"} or draw.random() < 0.25:
            continue
        desk = _Desk(flag)
        at = datetime.fromtimestamp(flag.source.timestamp / 1000, UTC) + timedelta(hours=draw.uniform(1, 30))
        verdict = draw.choices(VERDICTS, (6, 3, 1))[0]
        desk.add("ann", at, verdict)
        if draw.random() < 0.3:
            second = verdict if draw.random() < 0.7 else draw.choice(VERDICTS)
            desk.add("bob", at + timedelta(hours=2), second)
        what = draw.random()
        if what < 0.07:
            desk.add("ann", at + timedelta(hours=3), kind="undo")
        elif what < 0.14:
            desk.add("ann", at + timedelta(hours=3), kind="hand-over")
            desk.add("cy", at + timedelta(hours=9), draw.choice(VERDICTS[:2]))
        if draw.random() < 0.2:
            _appeal(desk, flag, at, draw, appeals)
        entries += desk.entries
    # A record that a client sent twice.
    return entries, [*appeals, appeals[0], appeals[-1]]


def _appeal(desk: _Desk, flag: Flag, at: datetime, draw: random.Random, appeals: list[Appeal]) -> None:
    came = at + timedelta(days=draw.uniform(1, 6))
    appeals.append(
        Appeal(
            id=f"appeal-{flag.post_id}",
            flag_id=flag.id,
            post_id=flag.post_id,
            statement="I wrote this <b>myself</b>.",
            appealed_at=came,
        )
    )
    if draw.random() < 0.8:
        verdict = draw.choices(VERDICTS, (4, 5, 1))[0]
        at = came + timedelta(days=draw.uniform(0.5, 3))
        desk.add("dan", at, verdict, "verdict", f"appeal-{flag.post_id}")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
