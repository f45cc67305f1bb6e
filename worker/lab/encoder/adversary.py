"""A head that tells authors apart, whose gradient is reversed: the encoder unlearns what gives them away.

Domain-adversarial training (Ganin et al. 2016) with authors as the domains. An author has one label, mostly,
so that unlearning authors outright would unlearn the label: the head only chooses among those who share it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.lab.corpus import Sample

_FEWEST_TEXTS: Final = 5
_STEEPNESS: Final = 10.0


class AuthorAdversary(nn.Module):
    """Tells the authors of one label apart.

    Args:
        width: of the features.
        machine: whether each author is a machine; one entry an author.
    """

    def __init__(self, width: int, machine: Sequence[bool]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, len(machine)))
        self.machine: Tensor
        self.register_buffer("machine", torch.tensor(list(machine)), persistent=False)

    def loss(self, features: Tensor, authors: Tensor, machine: Tensor, strength: float) -> Tensor:
        """The sum over the texts whose author counts.

        Args:
            features: what the classifier sees, shape (texts, width).
            authors: their numbers, -1 for one who does not count, shape (texts,).
            machine: 1 for a machine's text, else 0, shape (texts,).
            strength: what the gradient that the encoder gets is multiplied by, before it is reversed.
        """
        scores = self.layers(_Reversed.apply(features, strength))
        others = self.machine[None, :] != machine.bool()[:, None]
        # An author who wrote under both labels is known by one of them.
        known = torch.where(others.gather(1, authors.clamp(min=0)[:, None])[:, 0], -1, authors)
        allowed = scores.masked_fill(others, torch.finfo(scores.dtype).min)
        return cross_entropy(allowed.float(), known, ignore_index=-1, reduction="sum")


def authors_that_count(samples: Sequence[Sample]) -> dict[str, int]:
    """A number for each author with at least 5 texts."""
    texts = Counter(one.author for one in samples if one.author)
    frequent = sorted(author for author, count in texts.items() if author and count >= _FEWEST_TEXTS)
    return {author: number for number, author in enumerate(frequent)}


def strength_at(done: float) -> float:
    """Ganin et al.'s ramp from 0 to 1 over a training: at first the head knows nothing to unlearn.

    Args:
        done: how much of the training is over, from 0 to 1.
    """
    return 2.0 / (1.0 + math.exp(-_STEEPNESS * done)) - 1.0


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None
