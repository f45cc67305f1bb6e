"""`flagstaff evaluate`: how well a detector does on labelled texts, as JSON and as a page."""

from __future__ import annotations

import sys
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from worker.commands.context import settings_of
from worker.commands.progress import progress
from worker.detector.checkpoint import read_manifest
from worker.detector.loading import DEFAULT_FOLDER, load_detector
from worker.errors import SettingsError
from worker.lab.bias.gate import default_gate, read_gate
from worker.lab.corpus import read_samples
from worker.lab.evaluation.evaluating import DRAWS, Request, Subject, Texts, evaluated
from worker.lab.evaluation.logit_cache import FOLDER, CachedDetector
from worker.lab.evaluation.page import page
from worker.lab.evaluation.report import EVALUATION, PAGE, DataFile, Transfer, encoded, read_evaluation
from worker.lab.evaluation.transfer import HELD_OUT, Plan, linear_trainer, transfer
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.bias.report import BiasGate
    from worker.lab.evaluation.report import Evaluation
    from worker.lab.evaluation.transfer import By
    from worker.settings import DetectorSettings

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_MODEL: Final = "a directory, a hub id, `default`"


@click.command("evaluate")
@click.option("--model", metavar="M", help=f"Another detector than the settings' one: {_MODEL}.")
@click.option("--data", type=_FILE, multiple=True, help="Labelled texts to measure on; may be repeated.")
@click.option("--baseline", metavar="M", help=f"A second detector, on the same texts: {_MODEL}.")
@click.option(
    "--learned-from",
    type=_FILE,
    multiple=True,
    help="Labelled texts that the detector was trained on: none of them is measured, and other texts of "
    "their authors are told apart; may be repeated.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory to write."
)
@click.option(
    "--transfer",
    "matrices",
    type=click.Choice(["generator", "sampling"]),
    multiple=True,
    help="Also train a detector on each, and test it on the others; may be repeated.",
)
@click.option(
    "--transfer-data", type=_FILE, multiple=True, help="Texts for it, if not --data; may be repeated."
)
@click.option(
    "--transfer-among",
    metavar="NAME",
    multiple=True,
    help="Which generators or sampling methods, in this order; all, unless given; may be repeated.",
)
@click.option(
    "--transfer-generator",
    metavar="NAME",
    help="Machine texts of this generator alone, so that sampling methods differ in nothing else.",
)
@click.option("--robustness/--no-robustness", default=True, show_default=True, help="Attack the texts.")
@click.option("--bias/--no-bias", default=True, show_default=True, help="Look at groups of human texts.")
@click.option(
    "--gate", type=_FILE, help="YAML with what the bias must not be; else the detector's own bound."
)
@click.option(
    "--enforce/--no-enforce",
    default=False,
    show_default=True,
    help="Exit with 1 where the bias gate fails; --gate implies it.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=100),
    default=DRAWS,
    show_default=True,
    help="Of each bootstrap.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of every random choice.",
)
@click.option(
    "--from", "before", type=_FILE, help="Measure nothing: write the page anew from an evaluation.json."
)
@click.pass_context
def evaluate(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: str | None,
    data: tuple[Path, ...],
    baseline: str | None,
    learned_from: tuple[Path, ...],
    out: Path,
    matrices: tuple[By, ...],
    transfer_data: tuple[Path, ...],
    transfer_among: tuple[str, ...],
    transfer_generator: str | None,
    robustness: bool,
    bias: bool,
    gate: Path | None,
    enforce: bool,
    draws: int,
    seed: int,
    before: Path | None,
) -> None:
    """Measure a detector on JSON lines of labelled texts, gzipped where a file's name ends in .gz.

    A line has `text`, `label` (human or machine) and `source`; `generator`, `sampling`, `domain`, `lang`,
    `author`, `doc` and `groups` where they are known. OUT gets evaluation.json, evaluation.html made from
    it, and the logits, so that a second run is quick.
    """
    if before is not None:
        if data:
            raise SettingsError("evaluate: --from measures nothing; leave out --data, or --from")
        _write(out, read_evaluation(before))
        return
    if not data:
        raise SettingsError("evaluate: name the texts to measure on with --data")
    if not bias and (gate is not None or enforce):
        raise SettingsError("evaluate: --gate and --enforce need the bias; leave out --no-bias")
    if not matrices and (transfer_data or transfer_among or transfer_generator is not None):
        raise SettingsError("evaluate: --transfer-data, -among and -generator are for --transfer; name one")
    settings = settings_of(ctx).detector
    subject = _subject(settings, model, out)
    request = Request(
        subject=subject,
        baseline=_subject(settings, baseline, out) if baseline is not None else None,
        texts=_texts(data),
        learned=_texts(learned_from) if learned_from else None,
        gate=_gate(gate, subject) if bias else None,
        attacks=robustness,
        groups=bias,
        token_budget=settings.token_budget,
        draws=draws,
        seed=seed,
    )
    evaluation = evaluated(request, progress, _say)
    if matrices:
        texts = _texts(transfer_data) if transfer_data else request.texts
        made = tuple(
            _transfer(texts, Plan(by, transfer_among, draws, seed, transfer_generator)) for by in matrices
        )
        evaluation = msgspec.structs.replace(evaluation, transfer=made)
    _write(out, evaluation)
    failures = evaluation.bias.failures if evaluation.bias is not None else ()
    for one in failures:
        _say(f"bias: {one.of}, {one.group}: {one.why}")
    sys.exit(1 if failures and (enforce or gate is not None) else 0)


def _subject(settings: DetectorSettings, model: str | None, out: Path) -> Subject:
    """The detector that an option names; None: the settings' own."""
    if model is not None:
        settings = msgspec.structs.replace(settings, model=model, revision=None)
    folder = DEFAULT_FOLDER if settings.model == "default" else Path(settings.model)
    manifest = read_manifest(folder) if folder.is_dir() else None
    detector = CachedDetector(load_detector(settings), out / FOLDER)
    return Subject(detector, manifest.provenance if manifest is not None else {})


def _texts(paths: Sequence[Path]) -> Texts:
    samples = read_samples(paths)
    return Texts(samples, tuple(DataFile(name=path.name, sha256=_sha256(path)) for path in paths))


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"can't read {path}: {error.strerror}") from None


def _gate(path: Path | None, subject: Subject) -> BiasGate:
    return read_gate(path) if path is not None else default_gate(subject.detector.calibration)


def _transfer(texts: Texts, plan: Plan) -> Transfer:
    matrix = transfer(texts.samples, plan, linear_trainer(plan.seed), _say)
    return Transfer(
        by=plan.by,
        kind="linear",
        files=texts.files,
        held_out=HELD_OUT,
        columns=matrix.columns,
        rows=matrix.rows,
        passed_over=matrix.passed_over,
    )


def _write(out: Path, evaluation: Evaluation) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / EVALUATION).write_bytes(encoded(evaluation))
        (out / PAGE).write_text(page(evaluation), encoding="utf-8")
    except OSError as error:
        raise CorpusError(f"evaluate: can't write to {out}: {error.strerror}") from None
    _say(f"evaluate: figures are in {out / EVALUATION}, to be read in {out / PAGE}")


def _say(what: str) -> None:
    click.echo(what, err=True)
