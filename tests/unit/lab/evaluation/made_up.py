"""Texts and detectors that are made up, for the tests of evaluations."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Literal

from worker.lab.corpus import Sample
from worker.lab.evaluation.scored import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector
    from worker.lab.evaluation.scored import Scored


def made_up(label: Literal["human", "machine"], count: int, *, seed: int = 0, **fields: Any) -> list[Sample]:
    """Texts whose first word is a number: the more machines' sevens, the higher."""
    random = Random(f"{label} {seed} {sorted(fields.items())}")  # noqa: S311 - it guards nothing
    shift = 0.8 if label == "machine" else -0.8
    source = fields.pop("source", "made-up")
    return [
        Sample(
            text=f"{random.gauss(shift, 1):.6f} " + " ".join(["word"] * random.randint(4, 60)) + f" {number}",
            label=label,
            source=source,
            **fields,
        )
        for number in range(count)
    ]


def first_number(text: str) -> float:
    """The rule of the detector that these texts are made for."""
    return float(text.split(maxsplit=1)[0])


def scored(detector: Detector, samples: Sequence[Sample]) -> Scored:
    """What it says of them."""
    return score(detector, samples, None, lambda _: None)
