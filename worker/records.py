"""The records on the wire: posts in, flags out, what the staff decide, appeals, and holds.

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
StageName = Literal["off", "shadow", "share", "all"]
GateName = Literal["disagreement", "flag_rate", "verdicts", "calibration", "bias"]
GateStatus = Literal["pass", "fail", "too-little", "not-measured"]

Identifier = Annotated[str, Meta(min_length=1, max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Timestamp = Annotated[datetime, Meta(tz=True)]
Statement = Annotated[str, Meta(max_length=10_000)]
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
    """What a member of staff decided about a flag.

    `appeals` is there in the outcome of an appeal alone: the ids of the appeals that it answers. `machine`
    upholds the flag, `human` and `unsure` overturn it. `exercise` is there where the text is one whose author
    is known, put before the staff to measure them: such a decision is about nobody.
    """

    schema: Literal["decision.v1"] = "decision.v1"
    flag_id: str
    post_id: str
    reviewer: str
    verdict: Verdict
    note: str | UnsetType = UNSET
    decided_at: Timestamp
    appeals: tuple[str, ...] | UnsetType = UNSET
    exercise: Literal[True] | UnsetType = UNSET


class Appeal(Struct, frozen=True, kw_only=True):
    """An author's appeal against a flag, as the platform took it in. `statement` is what the author says.

    No two appeals against a flag have the same `id`: a record that comes again is the same appeal.
    """

    schema: Literal["appeal.v1"] = "appeal.v1"
    id: Identifier
    flag_id: Identifier
    post_id: Identifier
    statement: Statement
    appealed_at: Timestamp


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


class LiveDecision(Struct, frozen=True, kw_only=True):
    """What was really decided on a post that a challenger decided beside: see `Flag`, published or not."""

    flag_id: str
    action: Action
    score: float
    probability: float
    calibrated: bool
    detector: str
    policy: str


class ShadowDecision(Struct, frozen=True, kw_only=True):
    """What a challenger would have decided on a post, and what was decided; `detector`, `policy`: digests.

    `flag` is what would have been published. Nobody is to act on it.
    """

    schema: Literal["shadow.v1"] = "shadow.v1"
    flag: Flag
    live: LiveDecision


class DeciderStamp(Struct, frozen=True, kw_only=True):
    """A detector under a policy."""

    detector: str
    detector_digest: str
    policy: str
    policy_digest: str


class GateReading(Struct, frozen=True, kw_only=True):
    """What was measured for one gate.

    `value` lies between `low` and `high` at 95 % confidence; all three are null where nothing was measured,
    and `limit` where there is none. `count` is how many posts were counted, or groups of people. The gate is
    passed where the whole interval is within the limit, fails where all of it is beyond, and else too little
    was seen to tell.
    """

    gate: GateName
    status: GateStatus
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    count: int
    detail: str


class StageStep(Struct, frozen=True, kw_only=True):
    """One step of a staged release. The latest of a consumer group is the stage in force.

    `share` is the share of the authors for whom the challenger decides. `gates` is what was measured when the
    step was taken, none for a step back.
    """

    schema: Literal["stage.v1"] = "stage.v1"
    group: str
    number: Annotated[int, Meta(ge=1)]
    challenger: DeciderStamp
    live: DeciderStamp
    stage: StageName
    share: Annotated[float, Meta(ge=0, le=1)]
    by: str
    at: Timestamp
    note: str | None
    gates: tuple[GateReading, ...]
