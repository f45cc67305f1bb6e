from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.independent_reader import committed_records
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.waiting import PATIENCE_S, wait_until
from worker.errors import BrokerError
from worker.stream.redrive import Choice, redrive

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.settings import Settings

_WRONG = [f"{{not json {number}".encode() for number in range(300)]
_NO_ID = [f'{{"text": "no id {number}"}}'.encode() for number in range(100)]


@pytest.fixture
def letters(broker: str, topic: TopicFactory, tmp_path: Path) -> Settings:
    """400 dead letters, made by a worker; 300 of them are not JSON."""
    topics = {
        "posts": topic("posts", partitions=2, servers=broker),
        "flags": topic("flags", servers=broker),
        "dead_letters": topic("dead-letters", partitions=2, servers=broker),
    }
    settings = worker_settings(tmp_path, broker, topics, BREAKER__MAX_RUN="100000", BREAKER__MAX_RATIO="1")
    publish(broker, topics["posts"], [*_WRONG, *_NO_ID])
    with running(settings):
        wait_until(lambda: all_decided(broker, settings), what="the end of the topic")
    return settings


def _came_back(settings: Settings) -> Counter[bytes]:
    """The values on the posts topic beyond those that were first sent."""
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.posts)
    return Counter(record.value() for record in records) - Counter([*_WRONG, *_NO_ID])


def _say_nothing(_: int) -> None:
    pass


def test_chosen_letters_come_back_once_with_key_and_value_unchanged(letters: Settings) -> None:
    chosen = Choice(error_contains="id")
    first = redrive(letters, chosen, limit=None, progress=_say_nothing)
    again = redrive(letters, chosen, limit=None, progress=_say_nothing)
    assert _came_back(letters) == Counter(_NO_ID)
    assert (first.letters, first.sent, first.sent_before, first.not_chosen) == (400, 100, 0, 300)
    assert (again.letters, again.sent, again.sent_before, again.not_chosen) == (400, 0, 100, 300)


def test_what_was_not_chosen_can_be_chosen_later(letters: Settings) -> None:
    redrive(letters, Choice(error_contains="id"), limit=None, progress=_say_nothing)
    rest = redrive(letters, Choice(stage="decode"), limit=None, progress=_say_nothing)
    assert rest.sent == 300
    assert _came_back(letters) == Counter([*_WRONG, *_NO_ID])


def test_a_limit_is_kept_and_the_next_redrive_goes_on(letters: Settings) -> None:
    assert redrive(letters, Choice(), limit=150, progress=_say_nothing).sent == 150
    assert redrive(letters, Choice(), limit=None, progress=_say_nothing).sent == 250
    assert _came_back(letters) == Counter([*_WRONG, *_NO_ID])


def test_a_letter_that_fails_again_counts_its_attempts(letters: Settings, broker: str) -> None:
    redrive(letters, Choice(), limit=10, progress=_say_nothing)
    topic = letters.topics.dead_letters
    with running(letters):
        wait_until(lambda: len(committed_records(broker, topic)) == 420, what="ten letters and ten markers")
    headers = [dict(record.headers()) for record in committed_records(broker, topic)]
    assert Counter(one.get("flagstaff-attempts") for one in headers) == {b"1": 400, b"2": 10, None: 10}
    assert redrive(letters, Choice(max_attempts=1), limit=None, progress=_say_nothing).sent == 390


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support.running import worker_settings
from worker.stream import redrive as module
servers, posts, dead, kill_after = sys.argv[1:]
settings = worker_settings(Path("."), servers, {"posts": posts, "flags": "none", "dead_letters": dead})
module.redrive(
    settings, module.Choice(), limit=None, progress=lambda sent: os.kill(os.getpid(), signal.SIGKILL)
) if kill_after == "commit" else None
options = module.producer_options(settings.kafka, settings.kafka.transactional_id_prefix + "-redrive")
producer = module.KafkaProducer(**options)
producer.init_transactions()
producer.begin_transaction()
for number in range(50):
    producer.send(posts, value=b"of an unfinished redrive", key=b"k")
producer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kill_after", ["commit", "send"])
def test_a_redrive_that_is_killed_neither_loses_nor_doubles(letters: Settings, kill_after: str) -> None:
    arguments = [
        letters.kafka.bootstrap_servers,
        letters.topics.posts,
        letters.topics.dead_letters,
        kill_after,
    ]
    killed = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False, timeout=PATIENCE_S)
    assert killed.returncode == -9
    redrive(letters, Choice(), limit=None, progress=_say_nothing)
    assert _came_back(letters) == Counter([*_WRONG, *_NO_ID])


def test_a_topic_that_does_not_exist_is_one_line(broker: str, tmp_path: Path) -> None:
    settings = worker_settings(
        tmp_path, broker, {"posts": "none", "flags": "none", "dead_letters": "no-such-topic"}
    )
    with pytest.raises(BrokerError, match="no-such-topic"):
        redrive(settings, Choice(), limit=None, progress=_say_nothing)
