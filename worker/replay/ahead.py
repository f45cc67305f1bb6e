"""Work that is done ahead on a thread of its own, so that reading and tokenising overlap with the model."""

from __future__ import annotations

import threading
from collections.abc import Generator
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

_LOOK_EVERY_S: Final = 0.1


def ahead(items: Iterable[T], most: int = 4) -> Iterator[T]:  # noqa: C901 - both ends of one queue
    """The same items, of which so many are made ahead of their use.

    Raises:
        Exception: what making an item raised, in its place.
    """
    made: Queue[tuple[T] | BaseException | None] = Queue(most)
    stop = threading.Event()

    def put(one: tuple[T] | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                made.put(one, timeout=_LOOK_EVERY_S)
            except Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the item would have been used
            put(error)
        finally:
            # What makes the items may itself be ahead of its use, on one more thread.
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                one = made.get(timeout=_LOOK_EVERY_S)
            except Empty:
                continue
            if one is None:
                return
            if isinstance(one, BaseException):
                raise one
            yield one[0]
    finally:
        stop.set()
        thread.join()
