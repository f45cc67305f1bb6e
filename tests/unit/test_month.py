from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from worker.commands.month import month_of

_NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
_DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("text", "now", "name", "days"),
    [
        ("2026-03", _NOW, "2026-03", 31),
        ("2026-12", _NOW, "2026-12", 31),
        ("2024-02", _NOW, "2024-02", 29),
        ("last", _NOW, "2026-02", 28),
        ("last", datetime(2026, 1, 1, tzinfo=UTC), "2025-12", 31),
        # It is still the last day of March in UTC.
        ("last", datetime(2026, 4, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-02", 28),
    ],
)
def test_a_month_is_whole_and_in_utc(text: str, now: datetime, name: str, days: int) -> None:
    month = month_of(text, now)
    assert month is not None
    assert month.name == name
    assert datetime.fromtimestamp(month.start_ms / 1000, UTC).isoformat() == f"{name}-01T00:00:00+00:00"
    assert month.end_ms - month.start_ms == days * _DAY_MS


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-3", "0000-01", "9999-12", "next", "2026-03-01"]
)
def test_what_is_no_month_is_none(text: str) -> None:
    assert month_of(text, _NOW) is None
