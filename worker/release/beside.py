"""Decides with the challenger what the live one has decided, with the same signal readings. No Kafka.

One signal rests on the detector: the author's record. Its state in Redis is kept apart by detector, so the
challenger's posts are noted in the challenger's own, under the keys that it will go on with once it is live.
All other values are those that the live one was given; nothing is noted a second time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from worker.candidate import Candidate, Decided
from worker.flag_maker import flag_id
from worker.metrics import SHADOW_SIGNALS_MISSING
from worker.moderator import Moderator
from worker.records import LiveDecision, ShadowDecision
from worker.signals.readings import SignalSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Encoded
    from worker.redis_link import RedisLink
    from worker.release.waiting import Waiting
    from worker.settings import Settings
    from worker.signals.facts import Facts
    from worker.signals.readings import Values
    from worker.stream.decider import Decider

_RECORD: Final = "author_record"


class Beside:
    """The challenger's decisions. One thread uses it.

    Args:
        settings: the worker's.
        challenger: what decides.
        link: the way to Redis, or None.
    """

    def __init__(self, settings: Settings, challenger: Decider, link: RedisLink | None) -> None:
        self._detector = challenger.detector
        # One of its own: the pipeline's belongs to the pipeline's threads.
        self._moderator = Moderator(
            challenger.detector,
            challenger.policy,
            emit="all",
            link=None,
            signal_settings=settings.signals,
            redis_settings=settings.redis,
        )
        names = settings.signals.enabled
        self._place = names.index(_RECORD) if _RECORD in names else None
        self._record = SignalSet(
            replace(settings.signals, enabled=(_RECORD,)),
            challenger.detector,
            link=link,
            prefix=f"{settings.redis.prefix}:live",
            missing=SHADOW_SIGNALS_MISSING,
        )

    def decide(self, posts: Sequence[Waiting]) -> list[tuple[Waiting, ShadowDecision]]:
        """The decisions; posts that the challenger can't decide are left out."""
        decided: list[tuple[Waiting, ShadowDecision]] = []
        scored = [one for one in posts if one.live.detector == self._detector.digest]
        others = [one for one in posts if one.live.detector != self._detector.digest]
        if scored:
            decided += self._judged(scored, [_scored(one.candidate) for one in scored], own_record=False)
        if others:
            fresh = [_unscored(one.candidate) for one in others]
            self._score(fresh)
            decided += self._judged(others, fresh, own_record=True)
        return decided

    def _score(self, candidates: Sequence[Candidate]) -> None:
        """Runs the detector, each text alone where it can't take all: what fails stays without a score."""
        self._moderator.encode(candidates)
        ready = [one for one in candidates if one.encoded is not None]
        try:
            logits = self._logits(ready)
        except Exception:  # noqa: BLE001 - one of them is to blame
            logits = [self._logit_alone(one) for one in ready]
        for candidate, logit in zip(ready, logits, strict=True):
            candidate.logit, candidate.encoded = logit, None

    def _logits(self, candidates: Sequence[Candidate]) -> list[float | None]:
        encoded: list[Encoded] = [one.encoded for one in candidates if one.encoded is not None]
        return [*self._detector.logits(encoded)] if encoded else []

    def _logit_alone(self, candidate: Candidate) -> float | None:
        try:
            return self._logits([candidate])[0]
        except Exception:  # noqa: BLE001 - one bad post harms one post
            return None

    def _judged(
        self, posts: Sequence[Waiting], candidates: Sequence[Candidate], *, own_record: bool
    ) -> list[tuple[Waiting, ShadowDecision]]:
        pairs = [
            (one, candidate)
            for one, candidate in zip(posts, candidates, strict=True)
            if candidate.logit is not None and math.isfinite(candidate.logit)
        ]

        def read(facts: Sequence[Facts]) -> list[Values | Exception]:
            # Those without a score are gone already, so the facts are those of the pairs.
            values = [one.candidate.values or () for one, _ in pairs]
            if not own_record or self._place is None:
                return [*values]
            return [_with(*both, self._place) for both in zip(values, self._record.read(facts), strict=True)]

        outcomes = self._moderator.judge([candidate for _, candidate in pairs], read)
        return [
            (one, ShadowDecision(flag=outcome.flag, live=_live(one)))
            for (one, _), outcome in zip(pairs, outcomes, strict=True)
            if isinstance(outcome, Decided) and outcome.flag is not None
        ]


def _unscored(live: Candidate) -> Candidate:
    return Candidate(live.received, live.text, live.digest)


def _scored(live: Candidate) -> Candidate:
    candidate = _unscored(live)
    candidate.logit, candidate.tokens, candidate.truncated = live.logit, live.tokens, live.truncated
    return candidate


def _with(values: Values, record: Values | Exception, place: int) -> Values | Exception:
    """The values with the author's record in its place."""
    if isinstance(record, Exception):
        return record
    return (*values[:place], record[0], *values[place + 1 :])


def _live(one: Waiting) -> LiveDecision:
    candidate, live = one.candidate, one.live
    post, source = candidate.received
    judgement, logit = candidate.judgement, candidate.logit
    assert judgement is not None and logit is not None  # noqa: S101, PT018 - it was decided
    lang = candidate.language.code if candidate.language is not None else post.lang
    return LiveDecision(
        flag_id=flag_id(post.id, source, live.detector, live.policy),
        action=judgement.action,
        score=judgement.score,
        probability=live.calibration.probability(logit, candidate.tokens),
        calibrated=live.calibration.covers(tokens=candidate.tokens, lang=lang),
        detector=live.detector,
        policy=live.policy,
    )
