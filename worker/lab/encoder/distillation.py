"""A teacher's word beside the label's (Hinton, Vinyals, Dean 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from msgspec import Meta, Struct

from worker.lab.lines import read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


class TeacherLine(Struct, frozen=True, kw_only=True):
    """A line of a teacher's file; other fields are ignored.

    Attributes:
        digest: of the canonical text, as `worker.text.text_digest` gives it.
        logit: the log-odds that a machine wrote it.
    """

    digest: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    logit: float


def read_teacher(path: Path) -> dict[str, float]:
    """The log-odds of each text's digest, from JSON lines, gzipped where the name ends in `.gz`.

    Raises:
        CorpusError: the file can't be read, or a line is not of that form; the message names both.
    """
    lines = read_lines(path, TeacherLine, "`digest` and `logit` of a teacher")
    return {line.digest: line.logit for _, line in lines}


def soft_targets(machine: Tensor, teacher: Tensor, weight: float) -> Tensor:
    """What the model should say: the label, moved towards the teacher's probability where there is one.

    The log loss is linear in its target, so this is the same as a mix of both losses.

    Args:
        machine: 1 for a machine's text, else 0, shape (texts,).
        teacher: log-odds, not a number where there are none, shape (texts,).
        weight: of the teacher, from 0 to 1.
    """
    mixed = (1.0 - weight) * machine + weight * teacher.sigmoid()
    return torch.where(teacher.isnan(), machine, mixed)
