"""`flagstaff train`: a linear detector from labelled texts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from worker.detector.checkpoint import write_linear
from worker.detector.ngrams import NgramSpec
from worker.errors import DetectorError
from worker.lab.corpus import read_samples
from worker.lab.training import Recipe, train_linear

if TYPE_CHECKING:
    from worker.lab.measuring import Comparison, LengthComparison
    from worker.lab.training import Trained

MEASURED = "measured.json"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("train")
@click.option(
    "--kind", type=click.Choice(["linear"]), default="linear", show_default=True, help="What to train."
)
@click.option(
    "--data", type=_FILE, multiple=True, required=True, help="Labelled texts to learn from; may be repeated."
)
@click.option(
    "--measure", type=_FILE, multiple=True, help="Labelled texts that are only measured on; may be repeated."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory to write."
)
@click.option("--name", default="linear", show_default=True, help="A short name; it stands in the flags.")
@click.option(
    "--hold-out-authors",
    type=click.FloatRange(0.0, 0.9, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of authors, documents and other texts that is held out and only measured on.",
)
@click.option(
    "--language", multiple=True, default=("en",), show_default=True, help="Of the texts; may be repeated."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of splits and crops."
)
def train(  # noqa: PLR0913 - one parameter an option
    *,
    kind: str,
    data: tuple[Path, ...],
    measure: tuple[Path, ...],
    out: Path,
    name: str,
    hold_out_authors: float,
    language: tuple[str, ...],
    seed: int,
) -> None:
    """Train a detector on JSON lines of labelled texts, gzipped where a file's name ends in .gz.

    A line has `text`, `label` (human or machine) and `source`; `generator`, `author` and `doc` where they are
    known. No author and no document is both learned from and measured on. The directory that is
    written can be used as `detector.model`; the figures stand in its measured.json too.
    """
    recipe = Recipe(name=name, ngrams=NgramSpec(), hold_out=hold_out_authors, languages=language, seed=seed)
    trained = train_linear(
        read_samples(data), read_samples(measure), recipe, lambda what: click.echo(what, err=True)
    )
    command = ["flagstaff", "train", "--kind", kind, "--name", name]
    command += [part for path in data for part in ("--data", path.name)]
    command += [part for path in measure for part in ("--measure", path.name)]
    command += ["--hold-out-authors", str(hold_out_authors)]
    command += [part for one in language for part in ("--language", one)]
    command += ["--seed", str(seed), "--out", out.name]
    provenance = {"command": shlex.join(command)} | trained.manifest.provenance
    write_linear(out, msgspec.structs.replace(trained.manifest, provenance=provenance), trained.weights)
    measured = msgspec.json.format(msgspec.json.encode(trained.measured), indent=2)
    try:
        (out / MEASURED).write_bytes(measured + b"\n")
    except OSError as error:
        raise DetectorError(f"train: can't write to {out / MEASURED}: {error.strerror}") from None
    _show(trained)
    click.echo(f"{kind} detector {name!r} is in {out}", err=True)


def _show(trained: Trained) -> None:
    calibration = trained.manifest.calibration
    click.echo(
        f"threshold {calibration.threshold:.4f}, at most {calibration.false_positive_bound:.2%} of human "
        f"texts above it; {calibration.min_tokens} to {calibration.max_tokens} tokens"
    )
    for where, figures in trained.measured.items():
        click.echo(f"\n{where}")
        click.echo(f"  {'family':20} {'generator':58} {'machine':>7} {'human':>6}  AUROC  found  wrongly")
        for one in figures["texts"]:
            _row(one.family, one.generator, one)
        for one in figures["humans"]:
            click.echo(f"  {one.source:20} {'humans alone':58} {'':7} {one.human:6} {one.wrongly:23.1%}")
        for one in figures["lengths"]:
            _row("of all", f"from {one.from_tokens} tokens", one)
        for one in figures["authors"]:
            click.echo(
                f"  mean of {one.posts:2} posts, {one.machine} machine and {one.human} human authors: "
                f"AUROC {one.auroc:.3f}"
            )


def _row(family: str, generator: str, one: Comparison | LengthComparison) -> None:
    click.echo(
        f"  {family:20} {generator:58} {one.machine:7} {one.human:6}  {one.auroc:.3f}"
        f"  {one.found:5.1%}  {one.wrongly:7.1%}"
    )
