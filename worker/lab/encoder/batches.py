"""Texts of similar length together, as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from worker.lab.encoder.examples import Example


class Batch(NamedTuple):
    """Examples that go through the model at once.

    Attributes:
        tokens: ids, padded, shape (texts, longest), int64.
        seen: 1 for a token, 0 for padding, shape (texts, longest), int64.
        machine: 1 for a machine's text, else 0, shape (texts,), float32.
        authors: their numbers, -1 for none, shape (texts,), int64.
        teacher: log-odds, not a number where there are none, shape (texts,), float32.
    """

    tokens: Tensor
    seen: Tensor
    machine: Tensor
    authors: Tensor
    teacher: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(one.to(device) for one in self))


def grouped(examples: Sequence[Example], most_tokens: int) -> Iterator[list[int]]:
    """The places of the examples in groups of similar length, shortest first.

    Args:
        examples: in any order.
        most_tokens: tokens of a group with its padding; a longer example stands alone.
    """
    group: list[int] = []
    for place in sorted(range(len(examples)), key=lambda place: len(examples[place].tokens)):
        # The longest of the group comes last.
        if group and (len(group) + 1) * len(examples[place].tokens) > most_tokens:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def batch_of(examples: Sequence[Example], padding: int) -> Batch:
    """The examples as tensors on the CPU.

    Args:
        examples: at least one.
        padding: the id that stands where a text is over.
    """
    longest = max(len(one.tokens) for one in examples)
    tokens = torch.full((len(examples), longest), padding)
    seen = torch.zeros_like(tokens)
    for row, one in enumerate(examples):
        tokens[row, : len(one.tokens)] = torch.tensor(one.tokens)
        seen[row, : len(one.tokens)] = 1
    return Batch(
        tokens,
        seen,
        torch.tensor([float(one.machine) for one in examples]),
        torch.tensor([one.author for one in examples]),
        torch.tensor([float("nan") if one.teacher is None else one.teacher for one in examples]),
    )
