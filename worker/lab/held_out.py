"""Labelled texts written as they are read: for what comes after a training."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import msgspec

from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from worker.lab.corpus import Sample


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Writes JSON lines, gzipped where the name ends in `.gz`; the same samples give the same bytes.

    Raises:
        CorpusError: the file can't be written.
    """
    lines = msgspec.json.Encoder().encode_lines(list(samples))
    try:
        path.write_bytes(gzip.compress(lines, mtime=0) if path.suffix == ".gz" else lines)
    except OSError as error:
        raise CorpusError(f"can't write {path}: {error.strerror}") from None
