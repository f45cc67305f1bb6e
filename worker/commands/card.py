"""`flagstaff card`: a model card, or a generator's card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from worker.detector.checkpoint import MANIFEST, read_manifest
from worker.detector.loading import DEFAULT_FOLDER
from worker.errors import SettingsError
from worker.lab.card.detector_card import detector_card
from worker.lab.card.generator_card import generator_card
from worker.lab.card.markdown import markdown
from worker.lab.card.prose import DetectorProse, GeneratorProse, read_prose
from worker.lab.card.summary import read_summary
from worker.lab.evaluation.report import read_evaluation

if TYPE_CHECKING:
    from worker.detector.checkpoint import Manifest
    from worker.lab.card.document import Card

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_STDOUT: Final = Path("-")


@click.command("card")
@click.option("--model", metavar="DIR", help="The detector's directory, or `default` for the one that ships.")
@click.option("--evaluation", type=_FILE, metavar="FILE", help="evaluation.json of `flagstaff evaluate`.")
@click.option(
    "--generator",
    type=_FILE,
    metavar="FILE",
    help="A generator's card instead, from what `flagstaff generate --summary` wrote.",
)
@click.option(
    "--prose", type=_FILE, metavar="FILE", help="YAML with what can't be measured: owners, contact, uses …"
)
@click.option(
    "--out",
    type=_FILE,
    default=_STDOUT,
    metavar="FILE",
    help="Where it goes: HTML where the name ends in .html, else Markdown; standard output, unless given.",
)
def card(
    *, model: str | None, evaluation: Path | None, generator: Path | None, prose: Path | None, out: Path
) -> None:
    """Write a model card in the sections of Mitchell et al. (2019).

    All that was measured comes from the files; what is missing reads "not measured". The same files give the
    same bytes.
    """
    if generator is not None:
        if model is not None or evaluation is not None:
            raise click.UsageError("--generator makes a card of its own; leave out --model and --evaluation.")
        made = generator_card(read_summary(generator), read_prose(prose, GeneratorProse))
    else:
        made = _of_detector(model, evaluation, prose)
    text = _page(made) if out.suffix == ".html" else markdown(made)
    if out == _STDOUT:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"card: can't write to {out}: {error.strerror}") from None
    click.echo(f"the card is in {out}", err=True)


def _page(made: Card) -> str:
    # Imported here: it needs an extra, and Markdown does not.
    from worker.lab.card.page import page  # noqa: PLC0415

    return page(made)


def _of_detector(model: str | None, evaluation: Path | None, prose: Path | None) -> Card:
    if model is None and evaluation is None:
        raise click.UsageError("name a detector (--model), an evaluation (--evaluation), or both.")
    manifest = None if model is None else _manifest(model)
    measured = None if evaluation is None else read_evaluation(evaluation)
    try:
        return detector_card(manifest, measured, read_prose(prose, DetectorProse))
    except ValueError as error:
        raise SettingsError(f"card: {error}") from None


def _manifest(model: str) -> Manifest:
    folder = DEFAULT_FOLDER if model == "default" else Path(model)
    manifest = read_manifest(folder)
    if manifest is None:
        raise SettingsError(
            f"card: --model {model!r}: there is no {MANIFEST} in it; name a detector's directory, or leave "
            "it out and name an evaluation"
        )
    return manifest
