"""Reads what `flagstaff generate --summary` wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from worker.lab.generation.summary import GenerationSummary
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def read_summary(path: Path) -> GenerationSummary:
    """The summary of generated texts.

    Raises:
        CorpusError: it can't be read, or is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=GenerationSummary)
    except OSError as error:
        raise CorpusError(f"can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise CorpusError(f"{path} is no summary of `flagstaff generate`: {error}") from None
