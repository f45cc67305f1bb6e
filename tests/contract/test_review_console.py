from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kafka import KafkaProducer

from tests.support.flags import flag
from tests.support.independent_reader import committed_records
from tests.support.running import publish, worker_settings
from tests.support.waiting import PATIENCE_S, wait_until
from worker.errors import BrokerError
from worker.records import Decision
from worker.review.console import Console, opened
from worker.review.entry import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.records import Verdict
    from worker.review.console import Outcome
    from worker.review.entry import Kind
    from worker.settings import Settings


@pytest.fixture
def settings(broker: str, topic: TopicFactory, tmp_path: Path) -> Settings:
    topics = {name: topic(name, servers=broker) for name in ("posts", "flags", "dead_letters")}
    return worker_settings(
        tmp_path,
        broker,
        topics,
        TOPICS__DECISIONS=topic("decisions", partitions=3, servers=broker),
        TOPICS__APPEALS=topic("appeals", partitions=2, servers=broker),
        REVIEW__DOUBLE_SHARE="0",
        KAFKA__TRANSACTION_TIMEOUT_MS="10000",
    )


@contextmanager
def console_of(settings: Settings) -> Iterator[Console]:
    with opened(settings, lambda *_: None) as console:
        yield console


def put_flags(settings: Settings, *numbers: int) -> None:
    flags = [msgspec.structs.replace(flag(number), source=place(settings, number)) for number in numbers]
    publish(settings.kafka.bootstrap_servers, settings.topics.flags, map(msgspec.json.encode, flags))


def place(settings: Settings, number: int) -> Any:
    return msgspec.structs.replace(flag(number).source, topic=settings.topics.posts)


def written(settings: Settings) -> list[tuple[str, str, str]]:
    """Flag, reviewer and verdict of each record on the topic, read by another client library."""
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.decisions)
    decisions = [msgspec.json.decode(record.value(), type=Decision) for record in records]
    return sorted((one.flag_id, one.reviewer, one.verdict) for one in decisions)


def act(  # noqa: PLR0913 - as many as the console's own
    console: Console,
    number: int,
    who: str = "ann",
    verdict: Verdict = "machine",
    *,
    before: int = 0,
    kind: Kind = "verdict",
) -> Outcome:
    standing = console.standing(f"flag-{number}")
    assert standing is not None
    return console.act(
        standing=standing, reviewer=who, kind=kind, verdict=verdict, note="seen before", before=before
    )


def state(console: Console, number: int) -> str:
    standing = console.standing(f"flag-{number}")
    assert standing is not None
    return standing.case.state


def test_a_decision_is_on_the_topic_once_however_often_its_form_is_sent(settings: Settings) -> None:
    put_flags(settings, 1)
    with console_of(settings) as console:
        standing = console.standing("flag-1")
        assert standing is not None
        outcomes: list[str] = []

        def send() -> None:
            outcomes.append(
                console.act(
                    standing=standing, reviewer="ann", kind="verdict", verdict="machine", note="", before=0
                )
            )

        threads = [threading.Thread(target=send) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["written"] + ["written-before"] * 4
        assert act(console, 1) == "written-before"
        assert act(console, 1, verdict="human") == "stale"
        assert act(console, 1, before=5) == "stale"
        assert state(console, 1) == "decided"
    assert written(settings) == [("flag-1", "ann", "machine")]


def test_undo_and_hand_over_are_further_records(settings: Settings) -> None:
    put_flags(settings, 1)
    with console_of(settings) as console:
        assert act(console, 1, kind="undo", verdict="unsure") == "nothing-to-undo"
        assert act(console, 1) == "written"
        assert act(console, 1, kind="undo", verdict="unsure", before=1) == "written"
        assert state(console, 1) == "open"
        assert act(console, 1, kind="hand-over", verdict="unsure", before=2) == "written"
        assert state(console, 1) == "handed-over"
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.decisions)
    assert [dict(record.headers() or [])[KIND] for record in records] == [b"verdict", b"undo", b"hand-over"]


def test_without_its_database_the_console_knows_all_that_it_knew(settings: Settings, tmp_path: Path) -> None:
    put_flags(settings, *range(20))
    with console_of(settings) as console:
        for number in range(0, 10, 2):
            act(console, number, verdict="human")
        act(console, 2, kind="undo", verdict="unsure", before=1)
        before = [state(console, number) for number in range(20)]
    for file in tmp_path.glob("review.sqlite*"):
        file.unlink()
    with console_of(settings) as console:
        assert [state(console, number) for number in range(20)] == before
        # The same forms again, as from a browser that never saw an answer.
        assert act(console, 4, verdict="human") == "written-before"
    assert len(written(settings)) == 6


def test_a_view_goes_on_where_it_stood_and_one_of_other_topics_is_built_anew(settings: Settings) -> None:
    put_flags(settings, 1)
    with console_of(settings) as console:
        act(console, 1)
    put_flags(settings, 2)
    with console_of(settings) as console:
        assert (state(console, 1), state(console, 2)) == ("decided", "open")
        put_flags(settings, 3)
        wait_until(lambda: console.standing("flag-3") is not None, what="the new flag")


def test_what_an_aborted_transaction_left_is_not_seen(settings: Settings) -> None:
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, transactional_id=f"tx-{settings.topics.flags}"
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(settings.topics.flags, value=msgspec.json.encode(flag(7)))
    producer.flush()
    producer.abort_transaction()
    producer.close()
    put_flags(settings, 1)
    with console_of(settings) as console:
        assert console.standing("flag-7") is None
        assert state(console, 1) == "open"


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.contract.test_review_console import act, console_of
from tests.support.running import worker_settings
from worker.review import decision_topic
import msgspec
from worker.settings import Settings

settings = msgspec.json.decode(sys.argv[1], type=Settings)
when = sys.argv[2]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

class Dying(decision_topic.KafkaProducer):
    def commit_transaction(self):
        if when == "after":
            super().commit_transaction()
        die()

if when == "before":
    Dying.begin_transaction = die
decision_topic.KafkaProducer = Dying
with console_of(settings) as console:
    act(console, 1)
"""


@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("database", ["kept", "deleted"])
def test_a_console_that_is_killed_in_a_decision_neither_loses_nor_doubles_it(
    settings: Settings, tmp_path: Path, when: str, database: str
) -> None:
    put_flags(settings, 1)
    arguments = [msgspec.json.encode(settings).decode(), when]
    killed = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False, timeout=PATIENCE_S)
    assert killed.returncode == -9
    if database == "deleted":
        for file in tmp_path.glob("review.sqlite*"):
            file.unlink()
    with console_of(settings) as console:
        # The reviewer sends the form again.
        assert act(console, 1) == ("written-before" if when == "after" else "written")
        assert state(console, 1) == "decided"
    assert written(settings) == [("flag-1", "ann", "machine")]


def test_a_topic_that_does_not_exist_is_one_line(broker: str, tmp_path: Path) -> None:
    topics = {"posts": "none", "flags": "no-such-flags", "dead_letters": "none"}
    settings = worker_settings(tmp_path, broker, topics)
    with pytest.raises(BrokerError, match="no-such-flags"), console_of(settings):
        pass


def test_a_post_is_read_from_its_place_and_what_is_gone_is_said_so(settings: Settings) -> None:
    post = b'{"id": "p0", "text": "the bus was late"}'
    publish(settings.kafka.bootstrap_servers, settings.topics.posts, [post, None, b"{", post])
    with console_of(settings) as console:

        def look(number: int, **more: Any) -> Any:
            one = msgspec.structs.replace(flag(number), source=place(settings, number), **more)
            return console.texts.of(one)

        found = look(0)
        assert found.post is not None
        assert found.post.text == "the bus was late"
        assert [look(number).absence for number in (1, 2, 3, 4)] == [
            "deleted",
            "unreadable",
            "other",
            "other",
        ]
