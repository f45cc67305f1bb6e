"""Which output of a classifier means `machine`: read from what its labels say, never assumed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.detector.checkpoint import MANIFEST
from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from worker.detector.checkpoint import Label

# Whole labels, in small letters with single spaces: a part of one could mean its opposite ("not ai").
_MACHINE: Final = frozenset(
    {
        "ai", "ai generated", "ai written", "artificial", "bot", "chatgpt", "computer generated", "fake",
        "generated", "gpt", "gpt2", "llm", "llm generated", "machine", "machine generated", "machine written",
        "synthetic",
    }
)  # fmt: skip
_HUMAN: Final = frozenset({"authentic", "human", "human generated", "human written", "original", "real"})
_NO_LETTER_OR_DIGIT: Final = re.compile(r"[\W_]+")


def label_order(
    folder: Path,
    id2label: Mapping[int, str],
    stated: tuple[Label, Label] | None,
    stated_by: str = MANIFEST,
) -> tuple[Label, Label]:
    """What the two outputs mean, first to last.

    Args:
        folder: the model's, for messages.
        id2label: the labels of `config.json`.
        stated: what somebody says beside it, who may name outputs that `config.json` does not, or None.
        stated_by: who says so, for messages.

    Raises:
        DetectorError: there are not two outputs, nobody says which is which, or the two disagree.
    """
    names = [str(id2label[place]) for place in sorted(id2label)]
    if len(names) != 2:  # noqa: PLR2004 - human and machine
        raise DetectorError(
            f"detector: {folder}/config.json has {len(names)} labels; a detector has two: human and machine"
        )
    first, last = (_meaning(name) for name in names)
    if first is not None and last is not None and first != last:
        if stated not in {None, (first, last)}:
            raise DetectorError(
                f"detector: {folder}: {stated_by} states the labels {', '.join(stated or ())}, "
                f"but config.json {', '.join(names)}; correct the wrong one"
            )
        return first, last
    if stated is None:
        raise DetectorError(
            f"detector: {folder}/config.json: the labels {', '.join(map(repr, names))} do not tell which is "
            "human and which machine; `flagstaff convert --labels` makes a directory that tells, or put a "
            f'{MANIFEST} beside it: {{"format":1,"kind":"transformers","name":"...",'
            '"labels":["human","machine"]} in the order of its outputs'
        )
    return stated


def _meaning(name: str) -> Label | None:
    words = _NO_LETTER_OR_DIGIT.sub(" ", name.casefold()).strip()
    return "machine" if words in _MACHINE else "human" if words in _HUMAN else None
