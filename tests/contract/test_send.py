"""`flagstaff send` against a real Kafka."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.command import flagstaff
from tests.support.independent_reader import committed_records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory


def line(number: int, author: str | None = None) -> bytes:
    post = {"id": f"p{number}", "text": f"post {number}"} | ({"author": {"id": author}} if author else {})
    return json.dumps(post).encode()


def test_lines_arrive_unchanged_and_an_authors_in_order(
    broker: str, topic: TopicFactory, tmp_path: Path
) -> None:
    name = topic("posts", servers=broker, partitions=3)
    lines = [line(number, f"a{number % 7}") for number in range(700)] + [line(700)]
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n\n")
    ended = flagstaff("send", str(file), settings={"KAFKA__BOOTSTRAP_SERVERS": broker, "TOPICS__POSTS": name})
    assert (ended.code, ended.out) == (0, "")
    assert ended.said == [f"701 posts sent to {name}"]
    records = committed_records(broker, name)
    assert sorted(record.value() or b"" for record in records) == sorted(lines)
    assert {record.key() for record in records if record.value() == lines[-1]} == {b"p700"}
    for author in range(7):
        own = [record for record in records if record.key() == f"a{author}".encode()]
        assert len({record.partition() for record in own}) == 1
        assert [record.value() for record in own] == lines[author:700:7]


def test_a_line_that_is_no_post_is_named_and_the_rest_is_sent(broker: str, topic: TopicFactory) -> None:
    name = topic("posts", servers=broker)
    text = b"\n".join([line(1), b"{broken", b"", b'{"id": "p3"}', line(2)])
    ended = flagstaff("send", "--topic", name, stdin=text, settings={"KAFKA__BOOTSTRAP_SERVERS": broker})
    assert ended.code == 1
    first, second, last = ended.said
    assert first.startswith("<stdin>:2: the record is not JSON")
    assert second == "<stdin>:4: the record: object missing required field `text`"
    assert last == f"2 posts sent to {name}, 2 lines left out"
    assert [record.value() for record in committed_records(broker, name)] == [line(1), line(2)]


def test_raw_sends_whatever_there_is(broker: str, topic: TopicFactory) -> None:
    name = topic("posts", servers=broker)
    lines = [line(1, "a1"), b"{broken", b"", b"\xff"]
    text = b"\n".join([*lines, b""])
    ended = flagstaff(
        "send", "-", "--raw", "--topic", name, stdin=text, settings={"KAFKA__BOOTSTRAP_SERVERS": broker}
    )
    assert (ended.code, ended.said) == (0, [f"4 posts sent to {name}"])
    records = committed_records(broker, name)
    assert [record.value() for record in records] == lines
    assert [record.key() for record in records] == [b"a1", None, None, None]


def test_lines_of_another_shape_are_posts_through_the_mapping(broker: str, topic: TopicFactory) -> None:
    name = topic("posts", servers=broker)
    text = b'{"uid": "e1", "body": "hello"}\n'
    settings = {"KAFKA__BOOTSTRAP_SERVERS": broker, "FIELDS__ID": "uid", "FIELDS__TEXT": "body"}
    ended = flagstaff("send", "--topic", name, stdin=text, settings=settings)
    assert ended.code == 0
    (record,) = committed_records(broker, name)
    assert (record.key(), record.value()) == (b"e1", text.strip())


def test_a_topic_that_is_not_there_is_one_clear_line(broker: str) -> None:
    settings = {"KAFKA__BOOTSTRAP_SERVERS": broker, "KAFKA__REQUEST_TIMEOUT_MS": "1000"}
    ended = flagstaff("send", "--topic", "no-such-topic", stdin=line(1), settings=settings)
    assert ended.code == 1
    (message,) = [text for text in ended.err.splitlines() if text.startswith("flagstaff:")]
    assert "no-such-topic" in message
    assert "flagstaff check" in message


def test_a_broker_that_is_not_there_is_one_clear_line() -> None:
    settings = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA__REQUEST_TIMEOUT_MS": "1000"}
    ended = flagstaff("send", stdin=line(1), settings=settings)
    assert ended.code == 1
    (message,) = [text for text in ended.err.splitlines() if text.startswith("flagstaff:")]
    assert "127.0.0.1:1" in message
