"""From a post and its judgement to the flag that is published, and its id."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from worker.detector.reading import reading
from worker.language import Language
from worker.reasons import Grounds, reasons
from worker.records import Flag, PolicyStamp, SignalReading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.candidate import Candidate
    from worker.detector.protocol import Detector
    from worker.judgement import Judgement
    from worker.policy import Policy
    from worker.records import Source
    from worker.settings import SignalSettings
    from worker.signals.readings import Values

_ENCODER: Final = msgspec.json.Encoder()


class FlagMaker:
    """Makes flags under one detector and one policy.

    Args:
        detector: what the posts were scored with.
        policy: what they were judged by.
        signal_names: the signals in the order of a flag.
        signal_settings: what their sentences name: over which time, for example.
    """

    def __init__(
        self,
        detector: Detector,
        policy: Policy,
        signal_names: Sequence[str],
        signal_settings: SignalSettings,
    ) -> None:
        self._detector = detector
        self._stamp = PolicyStamp(policy.name, policy.digest)
        self._names = signal_names
        self._settings = signal_settings

    def flag(self, candidate: Candidate, values: Values, judgement: Judgement) -> Flag:
        """The flag of a scored post, with a value, rounded, for each signal."""
        post, source = candidate.received
        language = candidate.language or Language(post.lang, told=False)
        said = reading(
            self._detector,
            lang=language.code,
            logit=candidate.logit if candidate.logit is not None else math.nan,
            encoded_tokens=candidate.tokens,
            truncated=candidate.truncated,
        )
        signals = tuple(
            SignalReading(name, value, added)
            for name, value, added in zip(self._names, values, judgement.contributions, strict=True)
        )
        grounds = Grounds(said, signals, judgement, self._detector.calibration, self._settings, language)
        return Flag(
            id=flag_id(post.id, source, self._detector.digest, self._stamp.digest),
            post_id=post.id,
            author_id=None if post.author is None else post.author.id,
            source=source,
            action=judgement.action,
            score=judgement.score,
            detector=said,
            signals=signals,
            reasons=reasons(grounds),
            policy=self._stamp,
            metadata=post.metadata,
        )


def encode_flag(flag: Flag) -> bytes:
    """The flag as JSON; the same flag always gives the same bytes."""
    return _ENCODER.encode(flag)


def flag_id(post_id: str, source: Source, detector_digest: str, policy_digest: str) -> str:
    """The id of a flag, published or not: the same for the same post, place, detector and policy."""
    place = (post_id, source.topic, source.partition, source.offset, detector_digest, policy_digest)
    return blake2b(_ENCODER.encode(place), digest_size=16).hexdigest()
