"""A backtest as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.backtest.figures import LIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.backtest.figures import BacktestReport, Beside, Change, Share

_SELECTION: Final = (
    "They are a selection, mostly flags that were published:\n"
    "precision is that of the reviewed flags alone, recall is out of the reviewed posts of machines, not\n"
    "out of all, and few of the flags that come have a verdict."
)


def table(report: BacktestReport) -> str:
    """Lines for a terminal."""
    results = report.results
    rows = [
        ("", [one.name for one in results]),
        ("posts decided", [str(one.posts) for one in results]),
        ("failed", [str(one.failed) for one in results]),
        *((action, [str(one.actions.get(action, 0)) for one in results]) for action in _actions(results)),
        ("flags that come", [_change(one, "comes") for one in results]),
        ("flags that go", [_change(one, "goes") for one in results]),
        ("flags with another action", [_change(one, "changes") for one in results]),
        ("reviews a day, mean", [f"{one.reviews.mean_per_day:.1f}" for one in results]),
        ("reviews a day, most", [str(one.reviews.most_per_day) for one in results]),
    ]
    if reviewed := sum(report.decisions.posts.get(verdict, 0) for verdict in ("machine", "human")):
        rows += [
            ("flags with a verdict", [f"{one.flagged.reviewed} of {one.flagged.flags}" for one in results]),
            ("  precision", [_share(one.flagged.precision) for one in results]),
            ("  recall", [_share(one.flagged.recall) for one in results]),
            (
                "review, limit with a verdict",
                [f"{one.sent_to_people.reviewed} of {one.sent_to_people.flags}" for one in results],
            ),
            ("  precision", [_share(one.sent_to_people.precision) for one in results]),
            ("  recall", [_share(one.sent_to_people.recall) for one in results]),
        ]
    lines = _aligned(rows)
    days = max((one.reviews.days for one in results), default=0)
    lines.append(f"Days of event time, UTC: {days}, of which the first and the last may not be whole.")
    if reviewed:
        overturned = report.decisions.overturned
        lines.append(f"{reviewed} posts with a verdict of the staff. {_SELECTION}")
        if overturned:
            lines.append(f"{overturned} flag{'' if overturned == 1 else 's'} overturned on appeal.")
    else:
        lines.append("No post of the range has a verdict of the staff.")
    if report.not_recorded:
        lines.append(f"{report.not_recorded} posts have no recorded readings and were not decided.")
    return "\n".join(lines)


def _actions(results: Sequence[Beside]) -> list[str]:
    seen = {action for one in results for action in one.actions}
    return [action for action in ("pass", "abstain", "label", "review", "limit") if action in seen]


def _change(one: Beside, change: Change) -> str:
    return "" if one.name == LIVE else str(one.changes.get(change, 0))


def _share(share: Share) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "-"
    return f"{share.value:.2f} ({share.low:.2f}-{share.high:.2f}) {share.count}/{share.of}"


def _aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    first = max(len(name) for name, _ in rows)
    widths = [max(map(len, column)) for column in zip(*(cells for _, cells in rows), strict=True)]
    return [
        "  ".join(
            [f"{name:{first}}", *(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))]
        ).rstrip()
        for name, cells in rows
    ]
