"""The gate: whether a detector treats some people so much worse that it must not be used as it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from worker.errors import SettingsError
from worker.lab.bias.report import BiasGate, GateFailure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.detector.calibration import Calibration
    from worker.lab.bias.report import GroupOutcome, RewritingOutcome
    from worker.lab.evaluation.figures import Rate

_BOUND: Final = 0.05


def default_gate(calibration: Calibration) -> BiasGate:
    """The gate with the false-positive bound that the detector promises; 5 % where it promises none."""
    return BiasGate(bound=calibration.false_positive_bound or _BOUND)


def read_gate(path: Path) -> BiasGate:
    """A gate from a YAML file with `bound`, and `ratio` and `significance` if need be.

    Raises:
        SettingsError: it can't be read, or is none.
    """
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=BiasGate)
    except OSError as error:
        raise SettingsError(f"gate: can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise SettingsError(f"gate: {path} is no gate: {' '.join(str(error).split())}") from None


def failures(
    gate: BiasGate, groups: Sequence[GroupOutcome], rewritings: Sequence[RewritingOutcome]
) -> tuple[GateFailure, ...]:
    """What fails.

    Only a higher rate fails: a lower one does its group no harm, and shows as a higher one of others.
    """
    failed: list[GateFailure] = []
    for one in groups:
        if one.wrongly is None:
            continue
        if why := _above_bound(gate, one.wrongly) or _above_ratio(
            gate, one.wrongly, one.rest, one.p_corrected, "the others"
        ):
            failed.append(GateFailure(of=one.of, group=f"{one.group} ({one.basis})", why=why))
    for each in rewritings:
        if why := _above_bound(gate, each.after) or _above_ratio(
            gate, each.after, each.before, each.p_corrected, "the same texts as they are"
        ):
            failed.append(GateFailure(of=each.of, group=f"{each.rewriting} ({each.kind})", why=why))  # noqa: PERF401 - as above
    return tuple(failed)


def _above_bound(gate: BiasGate, rate: Rate) -> str | None:
    if rate.low <= gate.bound:
        return None
    return (
        f"{rate.count} of {rate.of} texts are flagged, {rate.value:.1%}, at least {rate.low:.1%} with "
        f"confidence: above the bound of {gate.bound:.1%}"
    )


def _above_ratio(
    gate: BiasGate, rate: Rate, other: Rate | None, p_corrected: float | None, whose: str
) -> str | None:
    if other is None or p_corrected is None or p_corrected >= gate.significance:
        return None
    ratio = rate.value / other.value if other.value else math.inf
    if ratio <= gate.ratio:
        return None
    return (
        f"{rate.value:.1%} of {rate.of} texts are flagged, against {other.value:.1%} of {whose}: more than "
        f"{gate.ratio:g} times as many, p {p_corrected:.2g} after correction"
    )
