"""`flagstaff train`: a detector from labelled texts: linear, an encoder, or several as one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from worker.commands.train_encoder import check_none_given, encoder_options, run_encoder
from worker.commands.train_stacked import NAMES, in_words, stack_recipe, stacked_options
from worker.commands.trained_figures import show_figures
from worker.detector.checkpoint import write_linear
from worker.detector.ngrams import NgramSpec
from worker.errors import DetectorError
from worker.lab.corpus import read_samples
from worker.lab.held_out import write_samples
from worker.lab.stacked_training import train_stacked
from worker.lab.stacked_writing import write_stacked
from worker.lab.training import Recipe, train_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import Calibration
    from worker.lab.corpus import Sample
    from worker.lab.linear_parts import LinearPart
    from worker.lab.stacking import GeneratorGroup

MEASURED = "measured.json"
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
# Which kinds an option is for, where it is not for all.
_FOR = {
    "measure": ("linear", "stacked"),
    "language": ("linear", "stacked"),
    "keep_words": ("linear",),
    **dict.fromkeys(NAMES, ("stacked",)),
}


@click.command("train")
@click.option(
    "--kind",
    type=click.Choice(["linear", "encoder", "stacked"]),
    default="linear",
    show_default=True,
    help="What to train: n-grams on any CPU, a transformer, or what combines trained ones.",
)
@click.option(
    "--data", type=_FILE, multiple=True, required=True, help="Labelled texts to learn from; may be repeated."
)
@click.option(
    "--measure",
    type=_FILE,
    multiple=True,
    help="Labelled texts that are only measured on; may be repeated. Not for --kind encoder.",
)
@click.option("--out", type=_FOLDER, required=True, help="Directory to write.")
@click.option("--name", help="A short name; it stands in the flags.  [default: the kind]")
@click.option(
    "--hold-out-authors",
    type=click.FloatRange(0.0, 0.9, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of authors, documents and other texts that is held out and only measured on.",
)
@click.option(
    "--language",
    multiple=True,
    default=("en",),
    show_default=True,
    help="Of the texts; may be repeated. Not for --kind encoder.",
)
@click.option(
    "--keep-words",
    type=click.IntRange(min=0),
    help="Hide all words but so many, the most frequent of the human texts, so that topics are not learned. "
    "For --kind linear.",
)
@click.option(
    "--held-out", type=_FILE, metavar="FILE", help="Write the held-out texts, as JSON lines: for calibrate."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of splits and crops."
)
@stacked_options
@encoder_options
@click.pass_context
def train(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    /,
    *,
    kind: str,
    data: tuple[Path, ...],
    measure: tuple[Path, ...],
    out: Path,
    name: str | None,
    hold_out_authors: float,
    language: tuple[str, ...],
    keep_words: int | None,
    member: tuple[Path, ...],
    linear: tuple[LinearPart, ...],
    group: tuple[GeneratorGroup, ...],
    held_out: Path | None,
    seed: int,
    **of_encoder: Any,
) -> None:
    """Train a detector on JSON lines of labelled texts, gzipped where a file's name ends in .gz.

    A line has `text`, `label` (human or machine) and `source`; `generator`, `author` and `doc` where they are
    known. No author and no document is both learned from and measured on. The directory that is
    written can be used as `detector.model`; the figures stand in its measured.json too, but an encoder's.

    An encoder is stopped and gone on with by the same command; `flagstaff calibrate` and
    `flagstaff evaluate` come after it.
    """
    for option, kinds in _FOR.items():
        if kind not in kinds and ctx.get_parameter_source(option) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{option.replace('_', '-')} is for --kind {' and '.join(kinds)}")
    name = name or kind
    if kind == "encoder":
        run_encoder(
            data=data,
            out=out,
            name=name,
            hold_out=hold_out_authors,
            held_out=held_out,
            seed=seed,
            given=of_encoder,
        )
        return
    check_none_given(of_encoder)
    command = ["flagstaff", "train", "--kind", kind, "--name", name]
    command += [part for path in data for part in ("--data", path.name)]
    command += [part for path in measure for part in ("--measure", path.name)]
    command += ["--hold-out-authors", str(hold_out_authors)]
    command += [part for one in language for part in ("--language", one)]
    command += ["--keep-words", str(keep_words)] if keep_words is not None else []
    command += [part for folder in member for part in ("--member", folder.name)]
    command += in_words(linear, group)
    command += ["--held-out", held_out.name] if held_out is not None else []
    command += ["--seed", str(seed), "--out", out.name]
    provenance = {"command": shlex.join(command)}
    if kind == "stacked":
        if not member and not linear:
            raise click.UsageError(
                "--kind stacked combines detectors; name them with --member, or have them trained (--linear)"
            )
        stack = stack_recipe(
            name=name,
            hold_out=hold_out_authors,
            languages=language,
            seed=seed,
            linear=linear,
            groups=group,
        )
        combined = train_stacked(read_samples(data), read_samples(measure), member, stack, _say)
        manifest = combined.manifest
        manifest = msgspec.structs.replace(manifest, provenance=provenance | manifest.provenance)
        write_stacked(out, combined._replace(manifest=manifest))
        _conclude(out, manifest.calibration, combined.measured, combined.held, held_out)
    else:
        recipe = Recipe(
            name=name,
            ngrams=NgramSpec(),
            hold_out=hold_out_authors,
            languages=language,
            seed=seed,
            keep_words=keep_words,
        )
        trained = train_linear(read_samples(data), read_samples(measure), recipe, _say)
        manifest = trained.manifest
        manifest = msgspec.structs.replace(manifest, provenance=provenance | manifest.provenance)
        write_linear(out, manifest, trained.weights)
        _conclude(out, manifest.calibration, trained.measured, trained.held, held_out)
    click.echo(f"{kind} detector {name!r} is in {out}", err=True)


def _say(what: str) -> None:
    click.echo(what, err=True)


def _conclude(
    out: Path,
    calibration: Calibration,
    measured: dict[str, Any],
    held: Sequence[Sample],
    held_out: Path | None,
) -> None:
    if held_out is not None:
        write_samples(held_out, held)
    figures = msgspec.json.format(msgspec.json.encode(measured), indent=2)
    try:
        (out / MEASURED).write_bytes(figures + b"\n")
    except OSError as error:
        raise DetectorError(f"train: can't write to {out / MEASURED}: {error.strerror}") from None
    show_figures(calibration, measured)
