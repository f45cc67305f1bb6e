"""Appeals for tests, as a platform puts them on their topic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from worker.records import Appeal


def appeal(number: int, name: str = "e1", **more: Any) -> bytes:
    """The value of an appeal against flag number so many (`tests.support.flags`)."""
    plain = Appeal(
        id=name,
        flag_id=f"flag-{number}",
        post_id=f"p{number}",
        statement="I wrote this myself.",
        appealed_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    )
    return msgspec.json.encode(msgspec.structs.replace(plain, **more))
