"""Texts of one label drawn together, of different ones pushed apart, in what the classifier sees of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from torch import Tensor

_TEMPERATURE: Final = 0.1


def contrastive_loss(features: Tensor, machine: Tensor) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, the outer sum), summed over the texts.

    A text that has none of its label beside it adds nothing.

    Args:
        features: shape (texts, width).
        machine: 1 for a machine's text, else 0, shape (texts,).
    """
    unit = normalize(features.float(), dim=1)
    if len(unit) == 1:
        return 0.0 * unit.sum()
    alike = unit @ unit.T / _TEMPERATURE
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    log_share = alike - alike.masked_fill(itself, -torch.inf).logsumexp(1, keepdim=True)
    same = (machine[:, None] == machine[None, :]) & ~itself
    mates = same.sum(1)
    of_mates = log_share.masked_fill(~same, 0.0).sum(1)
    return -(of_mates[mates > 0] / mates[mates > 0]).sum()
