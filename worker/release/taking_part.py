"""What a worker with a challenger has beside its pipeline, put together and taken apart."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog

from worker.release.beside import Beside
from worker.release.challenger import load_challenger
from worker.release.follower import Follower
from worker.release.rollout import Rollout
from worker.release.shadow import Shadow
from worker.release.waiting import WaitingPosts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.detector.protocol import Detector
    from worker.redis_link import RedisLink
    from worker.settings import Settings
    from worker.stream.decider import Current
    from worker.stream.notes import Notes

log = structlog.get_logger(__name__)

_CLOSE_S: Final = 5.0


@contextmanager
def taking_part(  # noqa: PLR0913 - the parts of a worker that meet a release
    settings: Settings,
    *,
    link: RedisLink | None,
    current: Current,
    notes: Notes,
    worker: str,
    detector: Detector | None = None,
) -> Iterator[Rollout | None]:
    """The worker's rollout in the stage in force; None where the settings name no challenger.

    Args:
        settings: the worker's.
        link: the way to Redis, or None.
        current: what decides live.
        notes: the worker's, open until this has ended.
        worker: its name.
        detector: the challenger's, for callers that bring their own.

    Raises:
        FlagstaffError: the challenger can't be loaded, or the stage is not known.
    """
    if not settings.stage.named:
        yield None
        return
    challenger = load_challenger(settings, link, current.decider, detector)
    waiting = WaitingPosts(settings.stage.queue_posts)
    rollout = Rollout(challenger, waiting)
    follower = Follower(settings, rollout=rollout, current=current, worker=worker)
    shadow = Shadow(settings, beside=Beside(settings, challenger, link), waiting=waiting, notes=notes)
    log.info(
        "challenger_loaded",
        detector=challenger.detector.name,
        detector_digest=challenger.detector.digest,
        policy=challenger.policy.name,
        policy_digest=challenger.policy.digest,
        stage=str(rollout.rung),
    )
    try:
        yield rollout
    finally:
        follower.close(_CLOSE_S)
        shadow.close(_CLOSE_S)
