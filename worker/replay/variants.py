"""What decides in a replay: detectors under policies, each with signals of its own, over one reading."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from worker.candidate import Decided, Failed, Received
from worker.judgement import DIGITS
from worker.moderator import Moderator
from worker.records import Source
from worker.replay.plan import Stamp, VariantStamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from worker.candidate import Candidate, Outcome
    from worker.detector.protocol import Detector
    from worker.moderator import Unread
    from worker.policy import Policy
    from worker.records import Flag
    from worker.redis_link import RedisLink
    from worker.replay.joining import Joined
    from worker.settings import RedisSettings, Settings, SignalSettings
    from worker.signals.readings import Values

    Readings = Sequence[Values | Exception | None]

_SCANNED: Final = 1_000


class Variant(NamedTuple):
    """A detector under a policy, with signals over these times.

    Attributes:
        name: tells variants of one replay apart.
        detector: whose scores count.
        policy: makes an action of them.
        signals: which signals are read, over which time.
        settings: those that it was made of; None: the replay's.
    """

    name: str
    detector: Detector
    policy: Policy
    signals: SignalSettings
    settings: Settings | None = None

    @property
    def stamp(self) -> VariantStamp:
        """What it is, for the plan."""
        return VariantStamp(
            name=self.name,
            detector=Stamp(self.detector.name, self.detector.digest),
            policy=Stamp(self.policy.name, self.policy.digest),
            signals=self.signals,
        )


class Bench:
    """One variant at work on joined posts.

    Args:
        variant: what decides.
        place: which of a post's scores is its detector's.
        topic: the posts topic.
        link: the way to Redis; None: readings are always given.
        redis: prefix of the keys.
        namespace: keeps its signal state apart from all others.
    """

    def __init__(  # noqa: PLR0913 - what a moderator needs, and where it finds its scores
        self,
        variant: Variant,
        *,
        place: int,
        topic: str,
        link: RedisLink | None,
        redis: RedisSettings,
        namespace: str,
    ) -> None:
        self._place = place
        self._topic = topic
        self._moderator = Moderator(
            variant.detector,
            variant.policy,
            # Every decision is made out: what would be published is the comparison's business.
            emit="all",
            link=link,
            signal_settings=variant.signals,
            redis_settings=redis,
            namespace=namespace,
        )

    def candidates(self, batch: Sequence[Joined]) -> list[Candidate]:
        """The posts with their scores, ready to be decided. May be called from another thread."""
        return [self._candidate(one) for one in batch]

    def decide(self, candidates: Sequence[Candidate], readings: Readings) -> list[Outcome]:
        """The outcomes with what `read` gave, in order."""
        return self._moderator.decide(candidates, readings)

    def read(self, candidates: Sequence[Candidate]) -> Readings:
        """What the signals of each post read; the posts are noted."""
        return self._moderator.read(candidates)

    def question(self, candidates: Sequence[Candidate]) -> Unread:
        """The first half of `read`; may be called from another thread."""
        return self._moderator.question(candidates)

    def answer(self, unread: Unread) -> Readings:
        """The second half of `read`."""
        return self._moderator.answer(unread)

    def named(self, values: Values | Exception | None) -> dict[str, float | None]:
        """One post's readings by name, as they would stand in a flag."""
        if values is None or isinstance(values, Exception):
            return {}
        return {
            name: None if value is None else round(value, DIGITS)
            for name, value in zip(self._moderator.signal_names, values, strict=True)
        }

    def keys(self, candidates: Sequence[Candidate]) -> list[list[str]]:
        """Under which keys of the signals' state each post is noted."""
        return self._moderator.state_keys(candidates)

    def decide_as_recorded(self, candidates: Sequence[Candidate], flags: Sequence[Flag]) -> list[Outcome]:
        """The outcomes with the readings of these flags: one for each post. Nothing is noted or read."""
        return self._moderator.decide(candidates, [self._values(flag) for flag in flags])

    def _values(self, flag: Flag) -> Values:
        recorded = {signal.name: signal.value for signal in flag.signals}
        return [recorded.get(name) for name in self._moderator.signal_names]

    def _candidate(self, one: Joined) -> Candidate:
        source = Source(self._topic, one.partition, one.offset, one.timestamp)
        candidate = self._moderator.receive(Received(one.post, source))
        score = one.scores[self._place]
        if isinstance(score, str):
            candidate.error = ValueError(score)
        else:
            candidate.logit, candidate.tokens, candidate.truncated = (
                score.logit,
                score.tokens,
                score.truncated,
            )
            # It is where it came from, as far as this moderator is concerned: nothing is to be kept.
            candidate.cache = "hit"
        return candidate


def one_a_detector(variants: Sequence[Variant]) -> list[Variant]:
    """The first variant of each detector: a post is scored once by each, in this order."""
    found: dict[str, Variant] = {}
    for variant in variants:
        found.setdefault(variant.detector.digest, variant)
    return list(found.values())


def flag_of(outcome: Outcome) -> Flag | None:
    """The flag, or None where the post could not be decided."""
    return outcome.flag if isinstance(outcome, Decided) else None


def error_of(outcome: Outcome) -> str | None:
    """Why a post could not be decided, without quoting it."""
    if isinstance(outcome, Failed):
        error = outcome.error
        named = (
            str(error) if type(error) is ValueError and str(error).isidentifier() else type(error).__name__
        )
        return f"{outcome.stage}: {named}"
    return None


def patient(redis: RedisSettings) -> RedisSettings:
    """Redis settings for work that nobody waits for: a busy Redis is waited for, not done without."""
    return msgspec.structs.replace(redis, timeout_ms=max(redis.timeout_ms, 30_000))


def forget(link: RedisLink, redis: RedisSettings, namespace: str) -> bool:
    """Removes a namespace's keys. Returns whether Redis did so."""
    pattern = _literal(f"{redis.prefix}:{namespace}") + "*"

    def remove(client: Redis) -> bool:
        keys = iter(client.scan_iter(match=pattern, count=_SCANNED))
        while some := list(islice(keys, _SCANNED)):
            client.unlink(*some)
        return True

    return link.call("replay-forget", remove) is not None


def _literal(text: str) -> str:
    """The text as a glob pattern that means itself."""
    return "".join(f"\\{character}" if character in "*?[]\\^" else character for character in text)
