"""What the demo prints: flags with their reasons, and what became of everything else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from worker.demo.run import Collected, Refused
    from worker.records import Flag

_ORDER: Final = ("limit", "review", "label")
_EXCERPT: Final = 60
_ROWS: Final = 20


def show(console: Console, collected: Collected, texts: Mapping[str, str]) -> None:
    """Prints the tables.

    Args:
        console: where to.
        collected: what the worker published.
        texts: the sent texts by post id; a flag itself never carries one.
    """
    by_action: dict[str, list[Flag]] = {}
    for flag in collected.flags:
        by_action.setdefault(flag.action, []).append(flag)
    flagged = [
        flag for action in _ORDER for flag in sorted(by_action.get(action, []), key=lambda f: -f.score)
    ]
    console.print(_flagged(flagged, texts))
    console.print(_passed(by_action.get("pass", []), texts))
    console.print(_abstained(by_action.get("abstain", []), texts))
    console.print(_refused(collected.refused))
    counts = Counter(flag.action for flag in collected.flags)
    summary = ", ".join(
        f"{counts[action]} {action}" for action in (*_ORDER, "pass", "abstain") if counts[action]
    )
    letters = f"{len(collected.refused)} dead letter{'' if len(collected.refused) == 1 else 's'}"
    console.print(f"{len(collected.flags)} posts decided: {summary}; {letters}.")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True, show_lines=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _flagged(flags: Sequence[Flag], texts: Mapping[str, str]) -> Table:
    table = _table(f"Flagged for the staff ({len(flags)})", "action", "score", "author", "text", "reasons")
    for flag in flags[:_ROWS]:
        reasons = "\n".join(flag.reasons)
        table.add_row(
            flag.action, f"{flag.score:.2f}", flag.author_id or "", _excerpt(texts, flag.post_id), reasons
        )
    return _rest(table, len(flags), 5)


def _passed(flags: Sequence[Flag], texts: Mapping[str, str]) -> Table:
    table = _table(f"Let through ({len(flags)})", "score", "author", "text")
    for flag in sorted(flags, key=lambda f: -f.score)[:_ROWS]:
        table.add_row(f"{flag.score:.2f}", flag.author_id or "", _excerpt(texts, flag.post_id))
    return _rest(table, len(flags), 3)


def _abstained(flags: Sequence[Flag], texts: Mapping[str, str]) -> Table:
    table = _table(f"Abstained: no judgement ({len(flags)})", "text", "why")
    for flag in flags[:_ROWS]:
        table.add_row(_excerpt(texts, flag.post_id), flag.reasons[0] if flag.reasons else "")
    return _rest(table, len(flags), 2)


def _refused(letters: Sequence[Refused]) -> Table:
    table = _table(f"Dead letters ({len(letters)})", "record", "stage", "error")
    for letter in letters[:_ROWS]:
        table.add_row(letter.line[:_EXCERPT], letter.stage, letter.error)
    return _rest(table, len(letters), 3)


def _rest(table: Table, total: int, columns: int) -> Table:
    if total > _ROWS:
        table.add_row(f"and {total - _ROWS} more", *[""] * (columns - 1))
    return table


def _excerpt(texts: Mapping[str, str], post_id: str) -> str:
    text = " ".join(texts.get(post_id, "").split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
