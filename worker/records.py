"""The records on the wire: posts in, flags out, what the staff decide, and holds.

Values are JSON. Unknown fields of a post are ignored, so a producer may add to it; a flag's schema only
grows by optional fields (`tests/unit/test_schemas.py` refuses anything else).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Action = Literal["pass", "abstain", "label", "review", "limit"]
Verdict = Literal["machine", "human", "unsure"]
Holdable = Literal["review", "limit"]

Identifier = Annotated[str, Meta(min_length=1, max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Timestamp = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Author(Struct, frozen=True):
    """Who posted. Every field but `id` may be missing; a missing one stays missing, it is never zero."""

    id: Identifier
    created_at: Timestamp | None = None
    followers: Count | None = None
    following: Count | None = None
    posts: Count | None = None
    verified: bool | None = None


class Post(Struct, frozen=True):
    """One post as the platform published it. Only `id` and `text` are required."""

    id: Identifier
    text: str
    created_at: Timestamp | None = None
    lang: str | None = None
    reply_to: str | None = None
    client: str | None = None
    author: Author | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class Source(Struct, frozen=True):
    """Where a post was read: its place in Kafka, and the record's timestamp in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class DetectorReading(Struct, frozen=True, kw_only=True):
    """What the detector said of one text.

    `logit` is the log-odds that a machine wrote the text before calibration (positive: machine);
    `probability` is what calibration makes of it. `threshold` is the probability above which at most
    `false_positive_bound` of human texts were seen to fall; both are null where the detector has none.
    `calibrated` is false where the text lies outside the lengths and languages that it was calibrated for.
    """

    name: str
    digest: str
    logit: float
    probability: float
    tokens: int
    truncated: bool
    calibrated: bool
    threshold: float | None
    false_positive_bound: float | None


class SignalReading(Struct, frozen=True):
    """One signal: its value (null where it could not be read) and what it added to the score in log-odds."""

    name: str
    value: float | None
    contribution: float


class PolicyStamp(Struct, frozen=True):
    """Which policy decided."""

    name: str
    digest: str


class Flag(Struct, frozen=True, kw_only=True):
    """The decision on one post. It carries neither its text nor anything that depends on when it was made."""

    schema: Literal["flag.v1"] = "flag.v1"
    id: str
    post_id: str
    author_id: str | None
    source: Source
    action: Action
    score: float
    detector: DetectorReading
    signals: tuple[SignalReading, ...]
    reasons: tuple[str, ...]
    policy: PolicyStamp
    metadata: dict[str, Any]


class Decision(Struct, frozen=True, kw_only=True):
    """What a member of staff decided about a flag."""

    schema: Literal["decision.v1"] = "decision.v1"
    flag_id: str
    post_id: str
    reviewer: str
    verdict: Verdict
    note: str | UnsetType = UNSET
    decided_at: Timestamp


class Hold(Struct, frozen=True, kw_only=True):
    """That an action is held down to `label` for a consumer group, or that a person has lifted that.

    The latest record of a group and an action counts. `share` is the share of decided posts with the action
    over the `posts` that tripped the breaker, null where a person wrote the record; `usual` the usual share
    that it was tested against, or in a lift the one that counts as usual from then on (null: what is set or
    learned).
    """

    schema: Literal["hold.v1"] = "hold.v1"
    group: str
    action: Holdable
    held: bool
    by: str
    at: Timestamp
    note: str
    share: Share | None
    usual: Share | None
    posts: Count | None
