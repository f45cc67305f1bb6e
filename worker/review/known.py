"""Posts whose author is known: a file of JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from worker.errors import SettingsError


class Known(Struct, frozen=True, forbid_unknown_fields=True):
    """One post and who wrote it."""

    post_id: str
    label: Literal["machine", "human"]


def read_known(path: str | None) -> dict[str, Literal["machine", "human"]]:
    """What is true of posts, by their ids; empty without a file.

    Raises:
        SettingsError: it can't be read; the message names file and line.
    """
    if path is None:
        return {}
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"settings: review.known_file: {path}: {error.strerror}") from None
    found: dict[str, Literal["machine", "human"]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            one = msgspec.json.decode(line, type=Known)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"settings: review.known_file: {path}:{number}: {error}") from None
        found[one.post_id] = one.label
    return found
