"""Long texts: windows with overlap, and how their logits become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# A window begins this share of its length before the end of the one before it.
OVERLAP: Final = 0.25


class Window(NamedTuple):
    """A part of a text that the model sees at once.

    Attributes:
        tokens: token ids, those that the tokenizer adds included.
        fresh: how many of them no window before it has shown; the weight of its word.
    """

    tokens: list[int]
    fresh: int


def windows_of(parts: Sequence[list[int]], stride: int, most: int) -> tuple[list[Window], bool]:
    """The windows that are looked at, and whether text was left out.

    Args:
        parts: token ids of the text's windows, first to last.
        stride: tokens that each shares with the one before.
        most: windows that are looked at, from the text's beginning.
    """
    kept = [
        Window(part, len(part) if place == 0 else max(1, len(part) - stride))
        for place, part in enumerate(parts[:most])
    ]
    return kept, len(parts) > most


def combined(logits: Sequence[float], windows: Sequence[Window]) -> float:
    """One logit from those of a text's windows: their mean, weighted by the tokens that each adds.

    The windows of a text are no independent witnesses, so their log-odds are averaged and not added up.
    """
    if len(windows) == 1:
        return logits[0]
    weight = sum(window.fresh for window in windows)
    return sum(logit * window.fresh for logit, window in zip(logits, windows, strict=True)) / weight
