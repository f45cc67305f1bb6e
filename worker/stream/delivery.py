"""What became of records that were handed to a producer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def raise_failure(sent: Iterable[Any]) -> None:
    """Raises what the first of these futures has failed with.

    kafka-python commits a transaction without the records that it could not send, so look before.
    """
    for future in sent:
        if future.failed():
            raise future.exception
