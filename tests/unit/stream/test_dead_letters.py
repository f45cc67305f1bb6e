from __future__ import annotations

from typing import NamedTuple

from worker.stream.dead_letters import attempts, dead_letter


class _Record(NamedTuple):
    topic: str = "posts"
    partition: int = 3
    offset: int = 42
    key: bytes | None = b"k"
    value: bytes = b"\xff not JSON"
    headers: tuple[tuple[str, bytes], ...] = (("traceparent", b"00-1"),)


def test_key_value_and_headers_are_unchanged_and_the_reason_stands_beside_them() -> None:
    letter = dead_letter("dead-letters", _Record(), stage="decode", error="not JSON")
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", b"k", b"\xff not JSON")
    assert letter.headers == [
        ("traceparent", b"00-1"),
        ("flagstaff-error", b"not JSON"),
        ("flagstaff-stage", b"decode"),
        ("flagstaff-source", b"posts/3/42"),
        ("flagstaff-attempts", b"1"),
    ]


def test_a_letter_that_fails_again_counts_on() -> None:
    first = dead_letter("dead-letters", _Record(), stage="detect", error="x")
    again = dead_letter("dead-letters", _Record(headers=tuple(first.headers)), stage="decode", error="y")
    assert attempts(again.headers) == 2
    assert [name for name, _ in again.headers].count("flagstaff-stage") == 1


def test_a_long_error_is_cut() -> None:
    letter = dead_letter("dead-letters", _Record(), stage="detect", error="x" * 10_000)
    assert len(dict(letter.headers)["flagstaff-error"]) == 500
