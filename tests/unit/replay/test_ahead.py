from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from worker.replay.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_items_come_in_order_from_another_thread() -> None:
    threads = set()

    def items() -> Iterator[int]:
        for number in range(50):
            threads.add(threading.current_thread())
            yield number

    assert list(ahead(items(), 2)) == list(range(50))
    assert threading.current_thread() not in threads


def test_what_is_raised_arrives_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="no more"):
        next(found)


def test_the_thread_ends_with_its_reader() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(10**9):
            made.append(number)
            yield number

    found = ahead((number for number in ahead(items(), 3)), 3)
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    assert len(made) < 50
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
