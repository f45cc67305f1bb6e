"""The first few differences of each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from worker.replay.differences import Difference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from worker.replay.causes import Cause

_MOST: Final = 3
_DIFFERENCE: Final = msgspec.json.Decoder(Difference)


def examples_of(diff: Path, causes: Mapping[Cause, int]) -> dict[Cause, list[Difference]]:
    """The first differences of each cause, in the order of the file.

    Args:
        diff: `diff.jsonl`.
        causes: how many differences each cause has.
    """
    found: dict[Cause, list[Difference]] = {cause: [] for cause in causes}
    left = {cause: min(number, _MOST) for cause, number in causes.items()}
    with diff.open("rb") as file:
        for line in file:
            if not left:
                break
            difference = _DIFFERENCE.decode(line)
            for cause in difference.causes:
                if cause in left:
                    found[cause].append(difference)
                    if len(found[cause]) == left[cause]:
                        del left[cause]
    return found
