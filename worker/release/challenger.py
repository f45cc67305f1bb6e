"""The challenger as the settings name it, loaded so that two threads can use its detector."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from msgspec.structs import replace

from worker.detector.loading import load_detector
from worker.metrics import TOKEN_BUDGET
from worker.stream.decider import first_decider
from worker.stream.origin import origin
from worker.stream.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector, Encoded
    from worker.redis_link import RedisLink
    from worker.settings import Settings
    from worker.stream.decider import Decider


def challenger_settings(settings: Settings) -> Settings:
    """The settings with the challenger in the place of the live detector and policy."""
    stage = settings.stage
    detector, policy = settings.detector, settings.policy
    if stage.model is not None:
        detector = replace(detector, model=stage.model, revision=stage.revision)
    if stage.policy_file is not None:
        policy = replace(policy, file=stage.policy_file)
    return replace(settings, detector=detector, policy=policy)


def load_challenger(
    settings: Settings, link: RedisLink | None, live: Decider, detector: Detector | None = None
) -> Decider:
    """The challenger, tried out; it shares the live detector where it has no other.

    Args:
        settings: those of the worker; they name a challenger.
        link: the way to Redis, or None.
        live: what decides now.
        detector: for callers that bring their own; None: the one that the settings name.

    Raises:
        SettingsError: the challenger's settings or policy are wrong.
        DetectorError: its detector can't be loaded, or does not work.
    """
    own = challenger_settings(settings)
    if detector is None:
        detector = live.detector if settings.stage.model is None else load_detector(origin(own).detector)
    rehearse(detector)
    decider = first_decider(own, link, detector=LockedDetector(detector))
    # The metric is that of the live one, whoever was made last.
    TOKEN_BUDGET.set(live.scorer.token_budget)
    return decider


class LockedDetector:
    """A detector that the pipeline and the shadow's thread may both use: one waits for the other's batch.

    Args:
        inner: the detector.
    """

    def __init__(self, inner: Detector) -> None:
        self._inner = inner
        self._encoding, self._scoring = Lock(), Lock()
        self.name = inner.name
        self.digest = inner.digest
        self.calibration = inner.calibration
        self.batch_tokens = inner.batch_tokens
        self.on_gpu = inner.on_gpu

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """As the detector's own."""
        with self._encoding:
            return self._inner.encode(texts)

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """As the detector's own.

        Raises:
            OutOfMemory: as the detector's own, and whatever else it raises.
        """
        with self._scoring:
            return self._inner.logits(batch)
