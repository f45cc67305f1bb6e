"""The manifest: digests of all that went into a replay and of all that came out, and the check of them."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from worker.replay.output import Sealed
from worker.replay.plan import SignalMode, VariantStamp
from worker.replay.signature import SIGNATURE, check_signature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.replay.signature import PublicKey

MANIFEST: Final = "manifest.json"
SCHEMA: Final = "replay-manifest.v1"
BACKTEST_SCHEMA: Final = "backtest-manifest.v1"
_BLOCK: Final = 2**20
# In the folder itself or in one below it, never elsewhere.
_NAME: Final = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*")


class InputRange(Struct, frozen=True, kw_only=True):
    """What was read of one partition.

    Attributes:
        partition: its number.
        warm: the first offset that was read.
        first: the first offset that was decided.
        last: the last offset.
        records: records read, those before `first` included.
        chain: the digest of each record in turn over the digest before; see `worker.replay.parts.chained`.
    """

    partition: int
    warm: int
    first: int
    last: int
    records: int
    chain: str


class Inputs(Struct, frozen=True, kw_only=True):
    """All that the outputs follow from.

    Attributes:
        topic: the posts topic.
        ranges: what was read of it.
        flags: the published flags of the range, one a line in the order of the posts' places.
        capture: SHA-256 of the capture file; None: read from Kafka.
        signals: whose readings counted.
        variant: what decided.
        settings: SHA-256 of the settings in `summary.json`.
    """

    topic: str
    ranges: tuple[InputRange, ...]
    flags: Sealed
    capture: str | None
    signals: SignalMode
    variant: VariantStamp
    settings: str


class Manifest(Struct, frozen=True, kw_only=True):
    """`manifest.json`."""

    schema: str = SCHEMA
    versions: dict[str, str]
    inputs: Inputs
    outputs: dict[str, Sealed]


class BacktestInputs(Struct, frozen=True, kw_only=True):
    """What a backtest has read beside what the manifests of its variants name.

    Attributes:
        decisions: the staff's, one a line, sorted.
    """

    decisions: Sealed


class BacktestManifest(Struct, frozen=True, kw_only=True):
    """`manifest.json` of a backtest: also names the files of its variants, as `NAME/FILE`."""

    schema: str = BACKTEST_SCHEMA
    versions: dict[str, str]
    inputs: BacktestInputs
    outputs: dict[str, Sealed]


class _Format(Struct):
    schema: str


_FORMATS: Final[dict[str, type[Manifest | BacktestManifest]]] = {
    SCHEMA: Manifest,
    BACKTEST_SCHEMA: BacktestManifest,
}


class Verified(Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        problems: one line each; none: all is as the manifest says.
        unnamed: files that the manifest does not name.
        outputs: how many files it names.
        signed: whether a signature lies beside it.
        signature_checked: whether the signature was checked with a key, and is right.
    """

    problems: tuple[str, ...]
    unnamed: tuple[str, ...] = ()
    outputs: int = 0
    signed: bool = False
    signature_checked: bool = False


def verify(folder: Path, key: PublicKey | None) -> Verified:
    """Whether a replay's outputs are those that its manifest names.

    Args:
        folder: the outputs.
        key: whose signature is asked for; None: no signature is checked.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        return Verified(problems=(f"{path}: {error.strerror}: this is no finished replay",))
    signed = (folder / SIGNATURE).is_file()
    if key is not None and (wrong := check_signature(folder, content, key)) is not None:
        return Verified(problems=(wrong,), signed=signed)
    try:
        schema = msgspec.json.decode(content, type=_Format).schema
        if schema not in _FORMATS:
            known = " and ".join(_FORMATS)
            return Verified(problems=(f"{path}: {schema!r} is another format than {known}",))
        manifest = msgspec.json.decode(content, type=_FORMATS[schema])
    except msgspec.MsgspecError as error:
        return Verified(problems=(f"{path}: truncated or changed: {error}",), signed=signed)
    problems = [
        problem
        for name, sealed in sorted(manifest.outputs.items())
        if (problem := _problem(folder, name, sealed)) is not None
    ]
    named = {MANIFEST, SIGNATURE, *manifest.outputs}
    below = {name.partition("/")[0] for name in manifest.outputs if "/" in name and _NAME.fullmatch(name)}
    unnamed = sorted({*_names(folder), *(n for one in below for n in _names(folder, one))} - named - below)
    return Verified(
        problems=tuple(problems),
        unnamed=tuple(unnamed),
        outputs=len(manifest.outputs),
        signed=signed,
        signature_checked=key is not None,
    )


def _names(folder: Path, below: str = "") -> Iterator[str]:
    """What lies in a folder, or in one below it, as a manifest would name it."""
    if (folder / below).is_dir():
        for path in (folder / below).iterdir():
            yield f"{below}/{path.name}" if below else path.name


def _problem(folder: Path, name: str, sealed: Sealed) -> str | None:
    path = folder / name
    if not _NAME.fullmatch(name):
        return f"{folder / MANIFEST}: names {name!r}, which is no file of a replay"
    digest, size = sha256(), 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        return f"{path}: {error.strerror}"
    if size != sealed.bytes:
        return f"{path}: has {size} bytes where the manifest says {sealed.bytes}"
    if digest.hexdigest() != sealed.sha256:
        return f"{path}: was changed: its SHA-256 is {digest.hexdigest()}, not {sealed.sha256}"
    return None
