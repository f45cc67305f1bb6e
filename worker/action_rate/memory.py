"""The learned shares of a worker process, kept in its data directory over a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import structlog

from worker.records import Holdable, Share

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = structlog.get_logger(__name__)

Shares = dict[Holdable, Annotated[tuple[Share, ...], msgspec.Meta(max_length=1_000)]]


def load_shares(path: Path) -> Shares:
    """What was kept; nothing where there is no file, or one that can't be read: then it is learned anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Shares)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("action_rates_unreadable", path=str(path), error=str(error))
        return {}


def save_shares(path: Path, shares: Mapping[Holdable, tuple[float, ...]]) -> None:
    """Keeps them. A full disk is no reason to stop deciding: it is told, and the next block tries again."""
    new = path.with_suffix(".new")
    try:
        new.write_bytes(msgspec.json.encode(shares))
        new.replace(path)
    except OSError as error:
        log.warning("action_rates_not_kept", path=str(path), error=str(error))
