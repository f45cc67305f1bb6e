"""A teacher's word beside the label's (Hinton, Vinyals, Dean 2015)."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Annotated

import msgspec
import torch
from msgspec import Meta, Struct

from worker.lab.corpus import CorpusError

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
    decoder = msgspec.json.Decoder(TeacherLine)
    said: dict[str, float] = {}
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                number += 1
                if line.strip():
                    one = decoder.decode(line)
                    said[one.digest] = one.logit
    except msgspec.MsgspecError as error:
        raise CorpusError(f"{path}:{number}: no `digest` and `logit` of a teacher: {error}") from None
    except (OSError, EOFError) as error:
        raise CorpusError(f"can't read {path}: {error}") from None
    return said


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
