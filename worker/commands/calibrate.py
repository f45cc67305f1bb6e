"""`flagstaff calibrate`: probabilities and a threshold from the user's own texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

import click
import msgspec

from worker.commands.context import settings_of
from worker.commands.progress import progress
from worker.detector.calibration import NumberFormat
from worker.detector.loading import DEFAULT_FOLDER, load_detector
from worker.errors import SettingsError
from worker.language import MINIMUM, current_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.checkpoint import Manifest
    from worker.lab.calibration.calibrate import Calibrated, Request
    from worker.lab.calibration.threshold import Halves
    from worker.lab.corpus import Sample
    from worker.settings import DetectorSettings

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_SHARE: Final = click.FloatRange(0.0, 1.0, min_open=True, max_open=True)


class _Sources(NamedTuple):
    data: tuple[Path, ...]
    human: tuple[Path, ...]
    decisions: tuple[Path, ...]
    flags: tuple[Path, ...]
    posts: tuple[Path, ...]


@click.command("calibrate")
@click.option("--model", metavar="DIR", help="The detector; the settings' one, unless given.")
@click.option("--data", type=_FILE, multiple=True, help="Labelled texts; may be repeated.")
@click.option("--human", type=_FILE, multiple=True, help="Posts that humans wrote; may be repeated.")
@click.option("--decisions", type=_FILE, multiple=True, help="Decisions of the staff; may be repeated.")
@click.option("--flags", type=_FILE, multiple=True, help="The flags that they are about; may be repeated.")
@click.option("--posts", type=_FILE, multiple=True, help="The posts of these flags; may be repeated.")
@click.option(
    "--false-positive-rate",
    type=_SHARE,
    default=0.01,
    show_default=True,
    help="Share of human texts that may exceed the threshold.",
)
@click.option("--confidence", type=_SHARE, default=0.95, show_default=True, help="Of the bounds.")
@click.option(
    "--method",
    type=click.Choice(["clopper-pearson", "conformal"]),
    default="clopper-pearson",
    show_default=True,
    help="What the threshold promises: see docs/calibrate.md.",
)
@click.option(
    "--machine-share", type=_SHARE, help="Share of machine texts among your posts; half, unless given."
)
@click.option(
    "--by-length/--any-length", default=True, show_default=True, help="Slope and intercept by length or not."
)
@click.option("--language", multiple=True, metavar="CODE", help="Of the texts (en); may be repeated.")
@click.option(
    "--language-minimum",
    type=click.FloatRange(0.0, 1.0),
    default=MINIMUM,
    show_default=True,
    help="Probability from which a post without `lang` is taken to be in another language.",
)
@click.option(
    "--no-language-identifier", is_flag=True, help="Take posts without `lang` to be in a calibrated language."
)
@click.option(
    "--dtype",
    type=click.Choice(get_args(NumberFormat)),
    help="Number format to calibrate in; that of the calibration that there is, else of the settings.",
)
@click.option(
    "--check-halves",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Set the threshold on N more random halves.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the splits."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="New directory to write.")
@click.option("--in-place", is_flag=True, help="Replace the calibration of the detector's own directory.")
@click.pass_context
def calibrate(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: str | None,
    data: tuple[Path, ...],
    human: tuple[Path, ...],
    decisions: tuple[Path, ...],
    flags: tuple[Path, ...],
    posts: tuple[Path, ...],
    false_positive_rate: float,
    confidence: float,
    method: Any,
    machine_share: float | None,
    by_length: bool,
    language: tuple[str, ...],
    language_minimum: float,
    no_language_identifier: bool,
    dtype: NumberFormat | None,
    check_halves: int | None,
    seed: int,
    out: Path | None,
    in_place: bool,
) -> None:
    """Give a detector probabilities and a threshold from your own texts.

    Give --data (labelled texts: a line has `text`, `label`, and where known `source`, `author`, `doc`,
    `lang`), or --human (posts of humans: sets the threshold alone), or what the staff decided (--decisions,
    --flags and --posts together), or several of them. Files are JSON lines, gzipped where a name ends in .gz.

    One half of the texts makes the calibration, the other is counted on; no author and no document is in
    both. Texts that the detector was trained on must not be among them.
    """
    sources = _Sources(data, human, decisions, flags, posts)
    _check(sources, machine_share, out, in_place=in_place)
    settings = settings_of(ctx).detector
    folder = _folder(model if model is not None else settings.model)

    # Imported here: they need an extra, and a mistake in the arguments is told without it.
    from worker.commands.calibration_table import show  # noqa: PLC0415
    from worker.lab.calibration.calibrate import Request  # noqa: PLC0415
    from worker.lab.calibration.directory import manifest_of, write_beside, write_in_place  # noqa: PLC0415
    from worker.lab.calibration.languages import in_languages, languages_of  # noqa: PLC0415
    from worker.lab.calibration.threshold import Aim  # noqa: PLC0415

    manifest = manifest_of(folder)
    samples = _read(sources)
    rule = None if no_language_identifier else current_rule(language_minimum)
    languages = languages_of(samples, language, manifest.calibration, rule)
    inside = in_languages(samples, languages, rule)
    _say(f"{len(samples)} different texts, {len(samples) - len(inside)} of them in other languages left out")
    number_format = _number_format(manifest, dtype, settings)
    request = Request(
        aim=Aim(rate=false_positive_rate, confidence=confidence, method=method),
        languages=languages,
        languages_by=rule,
        number_format=number_format,
        scale=bool(data or decisions),
        by_length=by_length,
        machine_share=machine_share if machine_share is not None else 0.5,
        seed=seed,
    )
    calibrated, halves = _calibrated(folder, manifest, settings, inside, request=request, halves=check_halves)
    written = msgspec.structs.replace(
        manifest,
        calibration=calibrated.calibration,
        formats={},
        provenance=manifest.provenance | {"calibration": _provenance(sources, request, calibrated, halves)},
    )
    if out is not None:
        write_beside(folder, out, written)
    else:
        write_in_place(folder, written)
    show(calibrated, request, halves)
    if manifest.formats:
        _say("what other number formats change was measured under the old calibration and is left out")
    where = out if out is not None else folder
    loaded = load_detector(msgspec.structs.replace(settings, model=str(where), revision=None, dtype="auto"))
    click.echo(f"{loaded.digest}  {where}")


def _calibrated(  # noqa: PLR0913 - the detector, the texts, and what is asked for
    folder: Path,
    manifest: Manifest,
    settings: DetectorSettings,
    samples: Sequence[Sample],
    *,
    request: Request,
    halves: int | None,
) -> tuple[Calibrated, Halves | None]:
    from worker.lab.calibration.calibrate import calibrate as made  # noqa: PLC0415 - as above
    from worker.lab.calibration.calibrate import check  # noqa: PLC0415 - as above
    from worker.lab.calibration.directory import plain_detector  # noqa: PLC0415 - as above
    from worker.lab.evaluation.scored import score  # noqa: PLC0415 - as above

    if request.number_format is not None:
        settings = msgspec.structs.replace(settings, dtype=request.number_format)
    detector = plain_detector(folder, manifest, settings)
    with progress("texts", len(samples)) as done:
        scored = score(detector, samples, settings.token_budget, done)
    if failed := len(samples) - len(scored.samples):
        _say(f"the detector failed on {failed} texts, which are left out")
    calibrated = made(scored.samples, scored.logits, scored.tokens, manifest.calibration, request)
    if halves is None:
        return calibrated, None
    with progress("halves", halves) as done:
        return calibrated, check(
            scored.samples,
            scored.logits,
            scored.tokens,
            calibrated.calibration,
            request=request,
            count=halves,
            done=done,
        )


def _check(sources: _Sources, machine_share: float | None, out: Path | None, *, in_place: bool) -> None:
    if not (sources.data or sources.human or sources.decisions):
        raise SettingsError("calibrate: no texts; name them with --data, --human or --decisions")
    joined = (sources.decisions, sources.flags, sources.posts)
    if any(joined) and not all(joined):
        raise SettingsError("calibrate: --decisions, --flags and --posts belong together; name all three")
    if machine_share is not None and not (sources.data or sources.decisions):
        raise SettingsError(
            "calibrate: --machine-share moves probabilities, and --human leaves them as they are; add --data"
        )
    if (out is None) != in_place:
        raise SettingsError(
            "calibrate: name a new directory with --out, or replace the detector's calibration with "
            "--in-place; one of the two"
        )
    try:
        if out is not None and out.exists() and any(out.iterdir()):
            raise SettingsError(f"calibrate: {out} is not empty; name a new directory")
    except OSError as error:
        raise SettingsError(f"calibrate: can't look into {out}: {error.strerror}") from None


def _folder(model: str) -> Path:
    folder = DEFAULT_FOLDER if model == "default" else Path(model)
    if not folder.is_dir():
        raise SettingsError(
            f"calibrate: --model {model!r} is no directory; make one of a checkpoint or a hub id with "
            "`flagstaff convert`"
        )
    return folder


def _read(sources: _Sources) -> list[Sample]:
    from worker.lab.calibration.reviewed import reviewed  # noqa: PLC0415 - as above
    from worker.lab.calibration.texts import human, labelled  # noqa: PLC0415 - as above
    from worker.lab.corpus import each_once  # noqa: PLC0415 - as above

    samples = [*labelled(sources.data), *human(sources.human)]
    if sources.decisions:
        found = reviewed(sources.decisions, sources.flags, sources.posts)
        samples += found.samples
        _say(
            f"{found.decisions} decisions give {len(found.samples)} texts; left out: {found.unsure} unsure, "
            f"{found.disputed} disputed, {found.no_flag} without a flag, {found.no_post} without one post; "
            f"{found.overturned} of the flags were overturned on appeal"
        )
        _say(
            "reviewed posts are a selection, mostly those that scored high: probabilities and rates from "
            "them hold for posts that come to review, not for all"
        )
    return each_once(samples)


def _number_format(
    manifest: Manifest, dtype: NumberFormat | None, settings: DetectorSettings
) -> NumberFormat | None:
    if manifest.kind == "linear":
        if dtype is not None:
            raise SettingsError("calibrate: --dtype: the linear detector has one format; leave it out")
        return None
    from worker.detector.device import device_of  # noqa: PLC0415 - as above
    from worker.detector.number_format import calibrated_format, native_format  # noqa: PLC0415 - as above

    if dtype is not None:
        return dtype
    if manifest.calibration.fitted:
        return calibrated_format(manifest.calibration)
    return native_format(device_of(settings.device)) if settings.dtype == "auto" else settings.dtype


def _provenance(
    sources: _Sources, request: Request, calibrated: Calibrated, halves: Halves | None
) -> dict[str, Any]:
    from worker.lab.calibration.texts import file_digests  # noqa: PLC0415 - as above

    return {
        "request": msgspec.to_builtins(request),
        "files": {name: file_digests(paths) for name, paths in sources._asdict().items() if paths},
        "made_from": calibrated.made_from,
        "counted": msgspec.to_builtins(calibrated.counted),
        "by_length": msgspec.to_builtins(calibrated.figures),
        "halves": msgspec.to_builtins(halves),
    }


def _say(what: str) -> None:
    click.echo(f"calibrate: {what}", err=True)
