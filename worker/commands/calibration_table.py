"""What `flagstaff calibrate` prints of a calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.lab.calibration.promise import promise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.lab.calibration.calibrate import Calibrated, Request
    from worker.lab.calibration.threshold import Halves


def show(calibrated: Calibrated, request: Request, halves: Halves | None) -> None:
    """Prints threshold, bound, and the table by length."""
    for line in _lines(calibrated, request):
        click.echo(line)
    if halves is not None:
        click.echo(
            f"{halves.count} random halves: on the other half at most {100 * request.aim.rate:.4g} % were "
            f"above in {halves.kept}, not significantly more in {halves.not_refuted}; {halves.mean:.2%} on "
            f"average, {halves.worst:.2%} in the worst family of the worst half"
        )


def _lines(calibrated: Calibrated, request: Request) -> Iterator[str]:
    calibration, counted, aim = calibrated.calibration, calibrated.counted, request.aim
    yield (
        f"threshold {calibration.threshold:.4f}, set on one half ({calibrated.made_from} texts) by "
        f"{aim.method}: {promise(aim.method, aim.rate, aim.confidence)}"
    )
    yield (
        f"counted on the other half: {counted.above} of {counted.human} human texts above "
        f"({counted.family}, the family with the highest bound), so at most {counted.bound:.2%} at "
        f"{100 * aim.confidence:.4g} % confidence"
    )
    told = (
        f", others told by {rule.identifier} from {rule.minimum:g}" if (rule := request.languages_by) else ""
    )
    yield (
        f"range: {calibration.min_tokens} to {calibration.max_tokens} tokens; languages: "
        f"{', '.join(calibration.languages)}{told}"
    )
    if not calibration.fitted:
        yield "the probabilities are not calibrated, so the detector abstains; add labelled texts with --data"
    yield (
        "expected calibration error in bins of equal mass, a share of "
        f"{request.machine_share:.4g} of the texts a machine's; by chance: what right probabilities would "
        "stay under 19 times out of 20"
    )
    yield f"{'tokens':>13} {'human':>6} {'machine':>7}  before   after  by chance   found  wrongly"
    for one in calibrated.figures:
        yield (
            f"{one.from_tokens:5} to {one.to_tokens:4} {one.human:6} {one.machine:7}  "
            f"{_error(one.error_before)}  {_error(one.error)}     {_error(one.error_by_chance)}  "
            f"{_share(one.found)}  {_share(one.wrongly)}"
        )


def _error(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.3f}"


def _share(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.1%}"
