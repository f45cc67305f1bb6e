"""What a training asks of the calibration that it makes of its own texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.lab.calibration.calibrate import Request
from worker.lab.calibration.threshold import Aim
from worker.language import current_rule, known_languages

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.detector.calibration import NumberFormat


def training_request(
    false_positives: float,
    languages: tuple[str, ...],
    number_format: NumberFormat | None,
    report: Callable[[str], None],
) -> Request:
    """Probabilities by length, and a threshold; posts without a language are told by the identifier.

    Args:
        false_positives: share of each family's human texts that may exceed the threshold.
        languages: of the texts.
        number_format: that the logits were computed in; None where the detector has one only.
        report: told where the identifier does not know a language.
    """
    rule = current_rule()
    unknown = [one for one in languages if one not in known_languages()]
    if unknown:
        report(
            f"{rule.identifier} can't tell the language {unknown[0]!r}: posts that state none are taken to "
            "be in one of the calibrated languages"
        )
    return Request(
        aim=Aim(rate=false_positives),
        languages=languages,
        languages_by=None if unknown else rule,
        number_format=number_format,
        scale=True,
    )
