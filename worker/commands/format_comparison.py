"""`flagstaff convert --compare`: what the detector's other number formats would change."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, get_args

import click
from rich.console import Console
from rich.progress import track

from worker.commands.lines import numbered_lines
from worker.detector.calibration import NumberFormat
from worker.detector.format_shift import FEWEST_TEXTS, MOST_CHANGED
from worker.errors import SettingsError
from worker.intake import InvalidPostError, PostReader
from worker.language import LanguageTeller
from worker.policy import load_policy
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.detector.calibration import Calibration
    from worker.detector.checkpoint import Manifest
    from worker.detector.format_shift import FormatShift
    from worker.policy import Policy
    from worker.settings import DetectorSettings, Settings

_FORMATS: Final[tuple[NumberFormat, ...]] = get_args(NumberFormat)
# Texts between two steps of the progress bar.
_BATCH: Final = 200


class Request(NamedTuple):
    """What is to be compared.

    Attributes:
        file: name of the posts' file, for messages.
        texts: the posts' canonical texts, each once, with its language.
        formats: which formats; empty: all that the device offers.
        policy: what decides.
    """

    file: str
    texts: Mapping[str, str | None]
    formats: tuple[NumberFormat, ...]
    policy: Policy


def read_request(file: IO[bytes], formats: str | None, policy: Path | None, settings: Settings) -> Request:
    """The request that a command's options make.

    Args:
        file: posts as JSON lines.
        formats: names with commas between them, or None.
        policy: a policy file; None for that of the settings.
        settings: of the command.

    Raises:
        SettingsError: a line is no post, or there is no such format or policy.
    """
    named = tuple(one.strip() for one in formats.split(",")) if formats is not None else ()
    if unknown := [one for one in named if one not in _FORMATS]:
        raise SettingsError(f"convert: --formats: {unknown[0]!r} is none; there are {', '.join(_FORMATS)}")
    if policy is None and settings.policy.file:
        policy = Path(settings.policy.file)
    chosen = tuple(one for one in _FORMATS if one in named)
    return Request(file.name, _texts(file, settings), chosen, load_policy(policy))


def check_calibrated(calibration: Calibration) -> None:
    """Nothing, where decisions depend on the detector.

    Raises:
        SettingsError: they don't.
    """
    if not calibration.fitted:
        raise SettingsError(
            "convert: --compare: the detector has no calibration, so it decides nothing and runs in any "
            "format; give one with --calibration, or leave out --compare"
        )


def compare(
    request: Request, folder: Path, manifest: Manifest, settings: DetectorSettings
) -> dict[NumberFormat, FormatShift]:
    """Scores the posts in the calibration's format and in each other one, and says what changes.

    Args:
        request: what is to be compared.
        folder: the detector's directory.
        manifest: its `detector.json`, with a calibration.
        settings: device, token budget and windows.

    Raises:
        SettingsError: the device does not offer a format, or there are too few texts.
    """
    # Imported here: they need an extra.
    from worker.detector.device import device_of  # noqa: PLC0415
    from worker.detector.number_format import calibrated_format, is_offered  # noqa: PLC0415
    from worker.lab.format_comparison import Scores, format_shift, scores_in  # noqa: PLC0415

    calibration = manifest.calibration
    own = calibrated_format(calibration)
    device = device_of(settings.device)
    if own in request.formats:
        raise SettingsError(f"convert: --formats: {own} is what the others are compared with; leave it out")
    for one in (own, *request.formats):
        if not is_offered(one, device):
            raise SettingsError(f"convert: --compare: {one} is not for {device.type}; name others")
    offered = tuple(one for one in _FORMATS if one != own and is_offered(one, device))

    def scored(number_format: NumberFormat, texts: Sequence[str]) -> Scores:
        console = Console(stderr=True)
        what = f"convert: {len(texts)} posts in {number_format}"
        if not console.is_terminal:
            click.echo(what, err=True)
        batches = [texts[begin : begin + _BATCH] for begin in range(0, len(texts), _BATCH)]
        shown = track(batches, what, console=console, transient=True, disable=not console.is_terminal)
        return scores_in(number_format, folder, manifest, settings, shown)

    texts = list(request.texts)
    scores = scored(own, texts)
    teller = LanguageTeller(calibration)
    inside = {
        text: (logit, tokens)
        for text, logit, tokens in zip(texts, scores.logits, scores.tokens, strict=True)
        if logit is not None
        and calibration.covers(tokens=tokens, lang=teller.language(request.texts[text], text).code)
    }
    if len(inside) < FEWEST_TEXTS:
        raise SettingsError(
            f"convert: --compare: of {len(texts)} different texts in {request.file} {len(inside)} are in the "
            f"calibrated range; a share of {100 * MOST_CHANGED:g} % takes at least {FEWEST_TEXTS}"
        )
    shifts: dict[NumberFormat, FormatShift] = {}
    for one in request.formats or offered:
        shifts[one] = format_shift(
            one,
            scored(one, list(inside)).logits,
            own=[logit for logit, _ in inside.values()],
            tokens=[tokens for _, tokens in inside.values()],
            calibration=calibration,
            policy=request.policy,
            device=settings.device,
        )
        click.echo(f"convert: {_said(one, own, shifts[one])}", err=True)
    return shifts


def _texts(file: IO[bytes], settings: Settings) -> dict[str, str | None]:
    reader = PostReader(settings.fields, settings.stream.max_text_chars, settings.stream.max_post_bytes)
    texts: dict[str, str | None] = {}
    for number, line in numbered_lines(file):
        if not line.strip():
            continue
        try:
            post = reader.read(line)
        except InvalidPostError as error:
            raise SettingsError(f"convert: --compare: {file.name}:{number}: {error}") from None
        texts.setdefault(canonical(post.text), post.lang)
    return texts


def _said(number_format: NumberFormat, own: NumberFormat, shift: FormatShift) -> str:
    verdict = "allowed" if shift.allowed else f"refused, as more than {100 * MOST_CHANGED:g} % change"
    return (
        f"{number_format} changes {100 * shift.changed:.3g} % of {shift.texts} decisions in {own}; "
        f"logits differ by {shift.worst:.2g} at most, {shift.mean:.2g} on average: {verdict}"
    )
