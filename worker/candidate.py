"""A post on its way to a decision, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Encoded
    from worker.judgement import Judgement
    from worker.language import Language
    from worker.records import Action, Flag, Post, Source
    from worker.signals.facts import Facts

Stage = Literal["detect", "signal"]
CacheResult = Literal["hit", "miss", "unavailable"]


class Received(NamedTuple):
    """A post, and where it was read."""

    post: Post
    source: Source


class Candidate:
    """A post on its way to a decision.

    Attributes:
        received: the post, and where it was read.
        text: the canonical text.
        digest: the canonical text's digest.
        encoded: what the model will read; None while or where there is no need.
        logit: the detector's log-odds before calibration; None while not known.
        tokens: how many tokens the model saw or will see.
        truncated: whether the text went on beyond them.
        language: the post's; None until it is needed.
        cache: what the look-up of its score gave.
        facts: what the signals may know of it; None before it has a score.
        values: the signals' values that it was decided with; None before.
        judgement: what the policy made of it; None before.
        error: what went wrong with this post, or None.
        stage: where it went wrong.
    """

    __slots__ = (
        "cache",
        "digest",
        "encoded",
        "error",
        "facts",
        "judgement",
        "language",
        "logit",
        "received",
        "stage",
        "text",
        "tokens",
        "truncated",
        "values",
    )

    def __init__(self, received: Received, text: str, digest: str) -> None:
        self.received = received
        self.text = text
        self.digest = digest
        self.encoded: Encoded | None = None
        self.logit: float | None = None
        self.tokens = 0
        self.truncated = False
        self.language: Language | None = None
        self.cache: CacheResult = "unavailable"
        self.facts: Facts | None = None
        self.values: Sequence[float | None] | None = None
        self.judgement: Judgement | None = None
        self.error: Exception | None = None
        self.stage: Stage = "detect"


class Decided(NamedTuple):
    """A decision.

    Attributes:
        candidate: the post.
        action: what is to be done.
        flag: what is published; None: nothing.
        held: the policy's action where it is held down to `label`; else None.
    """

    candidate: Candidate
    action: Action
    flag: Flag | None
    held: Action | None = None


class Failed(NamedTuple):
    """A post that could not be decided."""

    candidate: Candidate
    stage: Stage
    error: Exception


Outcome = Decided | Failed
