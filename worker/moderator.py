"""The whole decision for a batch of posts: cache, detector, signals, policy. It knows nothing of Kafka.

`prepare`, `score` and `decide` run on three threads for successive batches. Each candidate belongs to one
thread at a time; what they share, the link to Redis and the detector, can be used from all of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from worker.cache import CachedScore, ScoreCache
from worker.candidate import Candidate, Decided, Failed, Received
from worker.flag_maker import FlagMaker
from worker.judgement import ACTING, DIGITS, Judge
from worker.language import LanguageTeller
from worker.metrics import CACHE
from worker.signals.facts import Facts, milliseconds
from worker.signals.readings import SignalSet
from worker.text import canonical, text_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.candidate import CacheResult, Outcome
    from worker.detector.protocol import Detector, Encoded
    from worker.detector.scoring import Scorer
    from worker.policy import Policy
    from worker.records import Action
    from worker.redis_link import RedisLink
    from worker.settings import RedisSettings, SignalSettings
    from worker.signals.readings import Question, Values

_ACTING: Final[frozenset[Action]] = frozenset(ACTING)
_CACHE_RESULTS: Final[tuple[CacheResult, ...]] = ("hit", "miss", "unavailable")


class Unread(NamedTuple):
    """Posts whose signals are to be read.

    Attributes:
        scored: for each post whether it has a score; without one nothing is read of it.
        question: about those that have.
    """

    scored: list[bool]
    question: Question


class Moderator:
    """Decides posts.

    Args:
        detector: estimates who wrote a text.
        policy: makes an action of what is known.
        emit: publish only what acts, or every decision.
        link: the way to Redis; None: no cache and no signal state.
        signal_settings: which signals, over which time.
        redis_settings: prefix of the keys, and how long scores are kept.
        namespace: keeps the signal state of a replay apart from that of the live stream. Scores are shared.

    Raises:
        SettingsError: an unknown signal is enabled.
        DetectorError: what the calibration tells languages by is not installed.
    """

    def __init__(  # noqa: PLR0913 - the parts that a decision is made of
        self,
        detector: Detector,
        policy: Policy,
        *,
        emit: Literal["flagged", "all"],
        link: RedisLink | None,
        signal_settings: SignalSettings,
        redis_settings: RedisSettings,
        namespace: str = "live",
    ) -> None:
        self._detector = detector
        self._calibration = detector.calibration
        self._threshold = detector.calibration.threshold_log_odds
        self._teller = LanguageTeller(detector.calibration)
        self._emit_all = emit == "all"
        prefix = redis_settings.prefix
        self._cache = ScoreCache(link, prefix, redis_settings.score_ttl_s) if link is not None else None
        self._signals = SignalSet(signal_settings, detector, link=link, prefix=f"{prefix}:{namespace}")
        self._judge = Judge(policy, self._signals.names)
        self._flags = FlagMaker(detector, policy, self._signals.names, signal_settings)

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The signals in the order of a flag."""
        return self._signals.names

    def prepare(self, received: Sequence[Received]) -> list[Candidate]:
        """Candidates, in order: with the score from the cache, or made ready for the model."""
        candidates = [self.receive(one) for one in received]
        self.look_up(candidates)
        self.encode(candidates)
        return candidates

    def receive(self, received: Received) -> Candidate:
        """A candidate, with its canonical text."""
        text = canonical(received.post.text)
        return Candidate(received, text, text_digest(text))

    def look_up(self, candidates: Sequence[Candidate]) -> None:
        """Takes scores from the cache: one MGET for all."""
        scores = None
        if self._cache is not None and candidates:
            digests = list({candidate.digest: None for candidate in candidates})
            found = self._cache.get_many(self._detector.digest, digests)
            scores = dict(zip(digests, found, strict=True)) if found is not None else None
        counts = {"hit": 0, "miss": 0, "unavailable": 0}
        if scores is None:
            counts["unavailable"] = len(candidates)
        else:
            for candidate in candidates:
                score = scores[candidate.digest]
                if score is None:
                    candidate.cache = "miss"
                else:
                    candidate.cache = "hit"
                    candidate.logit, candidate.tokens, candidate.truncated = score
                counts[candidate.cache] += 1
        for result in _CACHE_RESULTS:
            if counts[result]:
                CACHE.labels(result).inc(counts[result])

    def encode(self, candidates: Sequence[Candidate]) -> None:
        """Makes those without a score ready for the model; identical texts once."""
        texts = {candidate.digest: candidate.text for candidate in candidates if candidate.logit is None}
        if not texts:
            return
        encoded = dict(zip(texts, self._encoded(list(texts.values())), strict=True))
        for candidate in candidates:
            if candidate.logit is not None:
                continue
            one = encoded[candidate.digest]
            if isinstance(one, Exception):
                candidate.error = one
            else:
                candidate.encoded = one
                candidate.tokens = one.tokens
                candidate.truncated = one.truncated

    def score(self, candidates: Sequence[Candidate], scorer: Scorer) -> None:
        """Runs the model over those that are ready for it; identical texts once. A failure is its post's."""
        batch = {
            candidate.digest: candidate.encoded
            for candidate in candidates
            if candidate.logit is None and candidate.encoded is not None
        }
        if not batch:
            return
        results = dict(zip(batch, scorer.score(list(batch.values())), strict=True))
        for candidate in candidates:
            if candidate.logit is not None or candidate.encoded is None:
                continue
            result = results[candidate.digest]
            candidate.encoded = None
            if isinstance(result, Exception):
                candidate.error = result
            else:
                candidate.logit = result

    def decide(
        self,
        candidates: Sequence[Candidate],
        readings_of: Sequence[Values | Exception | None] | None = None,
    ) -> list[Outcome]:
        """What becomes of each post, in order. New scores go to the cache, the posts into the signals.

        Args:
            candidates: posts with their scores.
            readings_of: each post's signals, as `read` gives them or in the order of `signal_names`, for who
                has them already: then none is read and no post is noted. None: they are read.
        """
        self.keep_scores(candidates)
        if readings_of is None:
            return self.judge(candidates, self._signals.read)
        facts = [self._facts(candidate) for candidate in candidates]
        given = zip(facts, readings_of, strict=True)
        return self._outcomes(
            candidates, facts, (values for one, values in given if one is not None and values is not None)
        )

    def judge(
        self,
        candidates: Sequence[Candidate],
        read: Callable[[Sequence[Facts]], Sequence[Values | Exception]],
    ) -> list[Outcome]:
        """As `decide`, with signals that are read otherwise; no score is kept, no post noted but by `read`.

        Args:
            candidates: with their scores.
            read: the signals' values of those that have a score, in order, or what went wrong with one.
        """
        facts = [self._facts(candidate) for candidate in candidates]
        return self._outcomes(candidates, facts, read([one for one in facts if one is not None]))

    def _outcomes(
        self,
        candidates: Sequence[Candidate],
        facts: Sequence[Facts | None],
        readings: Iterable[Values | Exception],
    ) -> list[Outcome]:
        """The outcomes; the readings are of those that have facts."""
        remaining = iter(readings)
        outcomes: list[Outcome] = []
        for candidate, one in zip(candidates, facts, strict=True):
            if one is None:
                outcomes.append(Failed(candidate, candidate.stage, candidate.error or ValueError("no score")))
                continue
            values = next(remaining)
            if isinstance(values, Exception):
                outcomes.append(Failed(candidate, "signal", values))
                continue
            try:
                outcomes.append(self._decided(candidate, one, values))
            except Exception as error:  # noqa: BLE001 - one bad post harms one post
                outcomes.append(Failed(candidate, "signal", error))
        return outcomes

    def read(self, candidates: Sequence[Candidate]) -> list[Values | Exception | None]:
        """The posts' signals without a decision; the posts are noted. None for a post without a score."""
        return self.answer(self.question(candidates))

    def question(self, candidates: Sequence[Candidate]) -> Unread:
        """The first half of `read`. It needs no Redis, so it can be done while another batch is read."""
        facts = [self._facts(candidate) for candidate in candidates]
        return Unread(
            [one is not None for one in facts],
            self._signals.question([one for one in facts if one is not None]),
        )

    def answer(self, unread: Unread) -> list[Values | Exception | None]:
        """The second half of `read`, in the order in which posts are to be noted."""
        readings = iter(self._signals.answer(unread.question))
        return [next(readings) if scored else None for scored in unread.scored]

    def state_keys(self, candidates: Sequence[Candidate]) -> list[list[str]]:
        """Under which keys each post is noted; none for a post without a score."""
        facts = [self._facts(candidate) for candidate in candidates]
        keys = iter(self._signals.keys([one for one in facts if one is not None]))
        return [[] if one is None else next(keys) for one in facts]

    def _encoded(self, texts: list[str]) -> Sequence[Encoded | Exception]:
        try:
            return self._detector.encode(texts)
        except Exception:  # noqa: BLE001 - one of them is to blame: they are encoded one by one
            return [self._encoded_alone(text) for text in texts]

    def _encoded_alone(self, text: str) -> Encoded | Exception:
        try:
            return self._detector.encode([text])[0]
        except Exception as error:  # noqa: BLE001 - one bad post harms one post
            return error

    def keep_scores(self, candidates: Sequence[Candidate]) -> None:
        """Puts new scores into the cache."""
        if self._cache is None:
            return
        fresh = {
            candidate.digest: CachedScore(candidate.logit, candidate.tokens, candidate.truncated)
            for candidate in candidates
            if candidate.cache != "hit" and candidate.logit is not None and candidate.error is None
        }
        self._cache.put_many(self._detector.digest, list(fresh.items()))

    def _facts(self, candidate: Candidate) -> Facts | None:
        """What the signals may know of it; None where it can't be decided."""
        if candidate.facts is not None:
            return candidate.facts
        logit = candidate.logit
        if candidate.error is not None or logit is None:
            return None
        if not math.isfinite(logit):
            candidate.error = ValueError(f"the detector gave {logit}, which is no score")
            return None
        post, source = candidate.received
        at = source.timestamp if post.created_at is None else milliseconds(post.created_at)
        covered = self._covers(candidate)
        candidate.facts = Facts(
            post,
            at,
            candidate.text,
            candidate.digest,
            logit=logit,
            tokens=candidate.tokens,
            covered=covered,
        )
        return candidate.facts

    def _covers(self, candidate: Candidate) -> bool:
        """Whether the calibration covers it; its language is told only where its length is covered."""
        post, tokens = candidate.received.post, candidate.tokens
        if not self._calibration.covers(tokens=tokens, lang=None):
            return False
        if candidate.language is None:
            candidate.language = self._teller.language(post.lang, candidate.text)
        return self._calibration.covers(tokens=tokens, lang=candidate.language.code)

    def _decided(self, candidate: Candidate, facts: Facts, values: Values) -> Decided:
        log_odds = self._calibration.log_odds(facts.logit, facts.tokens) if facts.covered else None
        confident = log_odds is not None and log_odds > self._threshold
        # Rounded before they are weighed: so a flag follows from the readings that stand in it.
        values = [None if value is None else round(value, DIGITS) for value in values]
        judgement = self._judge.decide(log_odds, values, confident=confident)
        candidate.values, candidate.judgement = values, judgement
        if not self._emit_all and judgement.action not in _ACTING:
            return Decided(candidate, judgement.action, None)
        return Decided(candidate, judgement.action, self._flags.flag(candidate, values, judgement))
