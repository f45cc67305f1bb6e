"""`flagstaff convert`: a checkpoint of any form as a directory of safetensors."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click
import msgspec

from worker.commands.context import settings_of
from worker.commands.format_comparison import check_calibrated, compare, read_request
from worker.detector.calibration import Calibration
from worker.detector.checkpoint import TOKENIZER_FILES, Manifest, write_manifest
from worker.detector.loading import load_detector, locate
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.detector.checkpoint import Label

_ORDERS: Final[dict[str, tuple[Label, Label]]] = {
    "human,machine": ("human", "machine"),
    "machine,human": ("machine", "human"),
}


@click.command("convert")
@click.option("--revision", metavar="COMMIT", help="The commit of a hub id, 40 hexadecimal digits.")
@click.option(
    "--tokenizer",
    metavar="DIR|HUB_ID@COMMIT",
    help="Where its tokenizer is, if not beside it. That of OpenAI's detectors is roberta-base's.",
)
@click.option("--name", help="A short name; it stands in the flags.")
@click.option(
    "--labels",
    type=click.Choice(list(_ORDERS)),
    help="What the outputs mean, first to last, where the checkpoint does not say.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A calibration as JSON, in place of the checkpoint's own.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    help="Number format of the weights in the file; as they are, unless given.",
)
@click.option(
    "--compare",
    "posts",
    type=click.File("rb"),
    metavar="FILE",
    help="Posts as JSON lines, on which it is measured what other number formats change.",
)
@click.option(
    "--formats",
    metavar="NAMES",
    help="Formats to compare, as in bfloat16,int8; all that the device offers, unless given.",
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What decides in the comparison, if not the policy of the settings.",
)
@click.argument("source")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def convert(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    source: str,
    out: Path,
    revision: str | None,
    tokenizer: str | None,
    name: str | None,
    labels: str | None,
    calibration: Path | None,
    dtype: str | None,
    posts: IO[bytes] | None,
    formats: str | None,
    policy: Path | None,
) -> None:
    """Write SOURCE as a directory OUT with safetensors, tokenizer, label order and calibration.

    SOURCE is OpenAI's detector-base.pt or detector-large.pt, a directory that transformers wrote, or a hub
    id. OUT must be new or empty. It can be used as `detector.model`; the line that is printed is the digest
    that its flags will carry with the settings' device and number format.

    A calibration is used in another number format than its own only where --compare found that at most
    0.1 % of the posts are decided otherwise.
    """
    settings = settings_of(ctx).detector
    _check_empty(out)
    calibrated = _calibration(calibration) if calibration is not None else None
    if posts is None and (formats is not None or policy is not None):
        raise SettingsError(
            "convert: --formats and --policy are for a comparison; name its posts with --compare"
        )
    request = read_request(posts, formats, policy, settings_of(ctx)) if posts is not None else None
    order = _ORDERS[labels] if labels is not None else None
    if revision is not None:
        click.echo(f"convert: fetching what is not here yet of {source} at {revision}", err=True)
    path = locate(source, revision, asked="convert: SOURCE", pin="--revision")
    beside = _tokenizer(tokenizer) if tokenizer is not None else None

    # Imported here: they need an extra, and a mistake in the arguments is told without it.
    import torch  # noqa: PLC0415

    from worker.detector.conversion import (  # noqa: PLC0415
        open_directory,
        open_openai,
        provenance,
        write_directory,
    )

    checkpoint = (open_openai if path.is_file() else open_directory)(path, beside, order)
    before = checkpoint.manifest
    stored = getattr(torch, dtype) if dtype is not None else None
    # What was measured holds for those weights and that calibration.
    kept = before.formats if before is not None and calibrated is None and stored is None else {}
    manifest = Manifest(
        format=1,
        kind="transformers",
        name=name or (before.name if before is not None else _name(path) if revision is None else source),
        labels=checkpoint.labels,
        calibration=calibrated or (before.calibration if before is not None else Calibration()),
        formats=kept,
        preparation=before.preparation if before is not None else "plain",
        provenance=provenance(checkpoint, path.name if revision is None else source, revision, stored),
    )
    if request is not None:
        check_calibrated(manifest.calibration)
    with _made(out):
        write_directory(out, checkpoint, manifest, stored)
        del checkpoint
        if request is not None:
            measured = kept | compare(request, out, manifest, settings)
            _replace_manifest(out, msgspec.structs.replace(manifest, formats=measured))
        detector = load_detector(msgspec.structs.replace(settings, model=str(out), revision=None))
    click.echo(f"{detector.digest}  {out}")


def _check_empty(out: Path) -> None:
    try:
        if out.exists() and any(out.iterdir()):
            raise SettingsError(f"convert: {out} is not empty; name a new directory")
    except OSError as error:
        raise SettingsError(f"convert: can't look into {out}: {error.strerror}") from None


@contextmanager
def _made(out: Path) -> Iterator[None]:
    """The directory, which holds nothing again if what is done inside fails."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DetectorError(f"convert: can't make {out}: {error.strerror}") from None
    try:
        yield
    except BaseException:
        for path in out.iterdir():
            path.unlink()
        raise


def _replace_manifest(out: Path, manifest: Manifest) -> None:
    try:
        write_manifest(out, manifest)
    except OSError as error:
        raise DetectorError(f"convert: can't write to {out}: {error.strerror}") from None


def _name(path: Path) -> str:
    return path.stem if path.is_file() else path.resolve().name


def _tokenizer(asked: str) -> Path:
    model, _, revision = asked.partition("@")
    if Path(asked).is_dir():
        model, revision = asked, ""
    return locate(
        model,
        revision or None,
        asked="convert: --tokenizer",
        pin="what follows its @",
        files=TOKENIZER_FILES,
    )


def _calibration(path: Path) -> Calibration:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as error:
        raise SettingsError(f"convert: can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise SettingsError(f"convert: {path} is no calibration: {error}") from None
