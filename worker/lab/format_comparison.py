"""What another number format changes of a detector's logits, and of what a policy decides by them."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import torch

from worker.detector.calibration import Calibration
from worker.detector.device import device_of, platform_of
from worker.detector.format_shift import FormatShift
from worker.detector.pretrained import load_transformer
from worker.detector.scoring import Scorer
from worker.judgement import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from worker.detector.calibration import NumberFormat
    from worker.detector.checkpoint import Manifest
    from worker.policy import Policy
    from worker.records import Action
    from worker.settings import DetectorSettings


class Scores(NamedTuple):
    """What a detector gives for texts, one entry each.

    Attributes:
        logits: None where it failed.
        tokens: lengths in tokens.
    """

    logits: list[float | None]
    tokens: list[int]


def scores_in(
    number_format: NumberFormat,
    folder: Path,
    manifest: Manifest,
    settings: DetectorSettings,
    batches: Iterable[Sequence[str]],
) -> Scores:
    """Scores texts in a number format, whatever the detector's calibration belongs to.

    Args:
        number_format: the format.
        folder: the directory of a transformers model.
        manifest: its `detector.json`.
        settings: device, token budget and windows.
        batches: canonical texts.

    Raises:
        FlagstaffError: as `load_transformer` says.
    """
    # Nothing is decided by a detector without a calibration, so it is loaded in any format.
    plain = msgspec.structs.replace(manifest, calibration=Calibration())
    settings = msgspec.structs.replace(settings, dtype=number_format)
    detector = load_transformer(folder, plain, settings, name=manifest.name)
    scorer = Scorer(detector, settings.token_budget)
    scores = Scores([], [])
    for texts in batches:
        encoded = detector.encode(texts)
        scores.tokens.extend(one.tokens for one in encoded)
        scores.logits.extend(one if isinstance(one, float) else None for one in scorer.score(encoded))
    return scores


def decisions(
    logits: Sequence[float | None], tokens: Sequence[int], calibration: Calibration, policy: Policy
) -> list[Action | None]:
    """What a policy decides on the detector's word alone, for texts inside its calibrated range.

    Args:
        logits: None where the detector failed, which leaves nothing to decide.
        tokens: the texts' lengths.
        calibration: of the format that the logits are in.
        policy: the policy.
    """
    judge = Judge(policy, ())
    threshold = calibration.threshold_log_odds
    decided: list[Action | None] = []
    for logit, length in zip(logits, tokens, strict=True):
        if logit is None:
            decided.append(None)
            continue
        log_odds = calibration.log_odds(logit, length)
        decided.append(judge.decide(log_odds, (), confident=log_odds > threshold).action)
    return decided


def format_shift(  # noqa: PLR0913 - two measurements, and what they are held against
    number_format: NumberFormat,
    logits: Sequence[float | None],
    *,
    own: Sequence[float],
    tokens: Sequence[int],
    calibration: Calibration,
    policy: Policy,
    device: str,
) -> FormatShift:
    """A format against the one that a calibration belongs to.

    Args:
        number_format: the format.
        logits: of texts inside the calibrated range, in this format; None where the detector failed.
        own: of the same texts, in the calibration's format.
        tokens: the texts' lengths.
        calibration: the calibration.
        policy: what decides.
        device: the setting that they were computed under.
    """
    before, after = (decisions(one, tokens, calibration, policy) for one in (own, logits))
    apart = [abs(one - other) for one, other in zip(logits, own, strict=True) if one is not None]
    return FormatShift(
        texts=len(own),
        changed=sum(one != other for one, other in zip(before, after, strict=True)) / len(own),
        worst=max(apart, default=0.0),
        mean=fmean(apart) if apart else 0.0,
        policy=f"{policy.name} {policy.digest}",
        device=" ".join(platform_of(device_of(device), number_format)),
        torch=str(torch.__version__),
    )
