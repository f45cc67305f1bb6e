"""How well the weights of a moment tell machines from humans that they don't learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec import Struct

from worker.lab.calibrating import auroc
from worker.lab.encoder.batches import batch_of, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.encoder.examples import Example
    from worker.lab.encoder.trainee import Trainee


class Validation(Struct, frozen=True, kw_only=True):
    """The figures of one moment.

    Attributes:
        step: steps learned by then.
        loss: mean training loss a text since the validation before.
        auroc: mean over the families.
        families: the AUROC of each family that has humans and machines.
    """

    step: int
    loss: float
    auroc: float
    families: dict[str, float]


def logits_of(
    trainee: Trainee, examples: Sequence[Example], *, padding: int, most_tokens: int, device: torch.device
) -> NDArray[np.float64]:
    """The log-odds that a machine wrote each text, shape (texts,)."""
    logits = np.zeros(len(examples))
    trainee.eval()
    with torch.inference_mode():
        for group in grouped(examples, most_tokens):
            batch = batch_of([examples[place] for place in group], padding).to(device)
            logits[group] = trainee.logits(batch).cpu().double().numpy()
    trainee.train()
    return logits


def family_aurocs(samples: Sequence[Sample], logits: NDArray[np.float64]) -> dict[str, float]:
    """The AUROC of each family that has humans and machines; of all texts where none has both."""
    machine = np.array([one.is_machine for one in samples])
    families = np.array([one.family for one in samples])
    found = {}
    for family in sorted(set(families.tolist())):
        inside = families == family
        human, theirs = logits[inside & ~machine], logits[inside & machine]
        if len(human) and len(theirs):
            found[family] = round(auroc(human, theirs), 4)
    return found or {"all": round(auroc(logits[~machine], logits[machine]), 4)}


def best(history: Sequence[Validation]) -> Validation | None:
    """The first of those with the highest mean, None where there are none."""
    return max(history, key=lambda one: one.auroc, default=None)


def out_of_patience(history: Sequence[Validation], patience: int | None) -> bool:
    """Whether so many validations have passed since the best one."""
    top = best(history)
    if top is None or patience is None:
        return False
    return len(history) - 1 - history.index(top) >= patience
