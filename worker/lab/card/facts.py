"""What a card says of a detector itself: from `detector.json`, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from worker.lab.card.wording import NOT_MEASURED, NOT_STATED, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.detector.calibration import Calibration
    from worker.detector.checkpoint import Manifest
    from worker.lab.evaluation.report import Evaluation

_LONGEST: Final = 400


class Subject(NamedTuple):
    """The detector that a card is of.

    Attributes:
        name: a short name for people.
        kind: what kind of detector it is.
        digest: of all that its word depends on; None where only an evaluation would tell.
        calibration: how its logits become probabilities.
        provenance: what it was made of, and how.
    """

    name: str
    kind: str
    digest: str | None
    calibration: Calibration
    provenance: dict[str, Any]

    @classmethod
    def of(cls, manifest: Manifest | None, evaluation: Evaluation | None) -> Subject:
        """From what there is of both, at least one.

        Raises:
            ValueError: they are not of one detector.
        """
        if manifest is None:
            if evaluation is None:
                raise ValueError("there is neither a detector nor an evaluation")
            facts = evaluation.detector
            return cls(facts.name, NOT_STATED, facts.digest, facts.calibration, facts.provenance)
        if evaluation is not None:
            _check_same(manifest, evaluation)
        return cls(
            name=manifest.name,
            kind=manifest.kind,
            digest=None if evaluation is None else evaluation.detector.digest,
            calibration=manifest.calibration,
            provenance=manifest.provenance,
        )


def calibration_points(calibration: Calibration) -> tuple[str, ...]:
    """The calibration, a sentence a point."""
    if not calibration.fitted:
        return ("It is not calibrated: Flagstaff abstains on every text.",)
    threshold = NOT_MEASURED if calibration.threshold is None else f"{calibration.threshold:.4f}"
    return (
        _range(calibration),
        f"Threshold, a calibrated probability: {threshold}.",
        f"Upper bound of the share of human texts above it: {share(calibration.false_positive_bound)}.",
    )


def _range(calibration: Calibration) -> str:
    most = "no upper bound" if calibration.max_tokens is None else str(calibration.max_tokens)
    languages = ", ".join(calibration.languages) or "none"
    return (
        f"Calibrated for texts of {calibration.min_tokens} (fewest) to {most} (most) tokens, languages: "
        f"{languages}. On others Flagstaff abstains."
    )


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """What nested objects say, as pairs of a dotted name and a value; long values are cut."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flattened(inner, f"{name}.{key}" if name else str(key))
        return
    said = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    yield name, said if len(said) <= _LONGEST else f"{said[:_LONGEST]}… ({len(said)} characters)"


def _check_same(manifest: Manifest, evaluation: Evaluation) -> None:
    measured = evaluation.detector
    if measured.name != manifest.name:
        raise ValueError(f"the evaluation is of {measured.name!r}, and the detector is {manifest.name!r}")
    if measured.calibration != manifest.calibration or measured.provenance != manifest.provenance:
        raise ValueError(
            f"the evaluation is of another version of {manifest.name!r}: calibration or provenance differ; "
            "measure it again with `flagstaff evaluate`"
        )
