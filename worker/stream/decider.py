"""What decides posts: a detector under a policy, with all that belongs to the two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from worker.detector.isolation import IsolatedScorer
from worker.detector.loading import load_detector
from worker.detector.scoring import Scorer
from worker.moderator import Moderator
from worker.policy import load_policy
from worker.stream.origin import origin
from worker.stream.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector
    from worker.policy import Policy
    from worker.redis_link import RedisLink
    from worker.settings import Settings
    from worker.stream.origin import Origin


class Isolation(Protocol):
    """Scores texts away from this process; see `worker.detector.isolation`."""

    def score(self, texts: Sequence[str]) -> list[tuple[float, int, bool] | Exception]:
        """Logit, tokens and truncation of each text, or what went wrong with it."""
        ...


@dataclass(frozen=True, eq=False)
class Decider:
    """One detector under one policy. A post stays with the one that prepared it until it is decided.

    Attributes:
        origin: where detector and policy were loaded from.
        detector: estimates who wrote a text.
        policy: makes an action of what is known.
        moderator: the whole decision, with this detector's calibration and digest and this policy's stamp.
        scorer: runs this detector over batches.
        isolation: scores with the same detector in a child process.
    """

    origin: Origin
    detector: Detector
    policy: Policy
    moderator: Moderator
    scorer: Scorer
    isolation: Isolation


class Current:
    """Holds the decider in force.

    Attributes:
        decider: prepares the next batch. Any thread may put another one here: batches that are prepared
            already stay with theirs.
    """

    def __init__(self, decider: Decider) -> None:
        self.decider = decider


def first_decider(
    settings: Settings,
    link: RedisLink | None,
    *,
    detector: Detector | None = None,
    isolation: Isolation | None = None,
) -> Decider:
    """The decider that a worker starts with.

    Args:
        settings: all settings.
        link: the way to Redis, or None.
        detector: for callers that bring their own; None: the one that the settings name.
        isolation: as above.

    Raises:
        SettingsError: settings or policy are wrong.
        DetectorError: the detector can't be loaded.
    """
    source = origin(settings)
    policy = _policy(settings)
    own = detector if detector is not None else load_detector(source.detector)
    return _decider(settings, link, source, own, policy, isolation)


def next_decider(settings: Settings, link: RedisLink | None, present: Decider) -> Decider:
    """The decider of changed settings or files, ready to take over from the present one.

    A detector whose settings and files look the same is not loaded again; one that is loaded has been run
    once over texts of several lengths.

    Returns:
        `present` itself where neither detector nor policy turns out to be another.

    Raises:
        SettingsError: settings or policy are wrong.
        DetectorError: the detector can't be loaded, or does not work.
    """
    source = origin(settings)
    policy = _policy(settings)
    same_policy = policy.digest == present.policy.digest
    if source.same_detector(present.origin):
        if same_policy:
            return present
        moderator = _moderator(settings, link, present.detector, policy)
        return replace(present, origin=source, policy=policy, moderator=moderator)
    detector = load_detector(source.detector)
    same_detector = (
        source.detector == present.origin.detector
        and detector.name == present.detector.name
        and detector.digest == present.detector.digest
    )
    if same_detector and same_policy:
        return present
    rehearse(detector)
    return _decider(settings, link, source, detector, policy, None)


def _policy(settings: Settings) -> Policy:
    return load_policy(Path(settings.policy.file) if settings.policy.file else None)


def _decider(  # noqa: PLR0913, PLR0917 - the parts that a decider is made of
    settings: Settings,
    link: RedisLink | None,
    source: Origin,
    detector: Detector,
    policy: Policy,
    isolation: Isolation | None,
) -> Decider:
    return Decider(
        origin=source,
        detector=detector,
        policy=policy,
        moderator=_moderator(settings, link, detector, policy),
        scorer=Scorer(detector, source.detector.token_budget),
        isolation=isolation
        if isolation is not None
        else IsolatedScorer(source.detector, digest=detector.digest),
    )


def _moderator(settings: Settings, link: RedisLink | None, detector: Detector, policy: Policy) -> Moderator:
    return Moderator(
        detector,
        policy,
        emit=settings.emit,
        link=link,
        signal_settings=settings.signals,
        redis_settings=settings.redis,
    )
