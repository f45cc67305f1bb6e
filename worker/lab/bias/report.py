"""What is measured of whether a detector is wrong about some people more often than about others."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

# msgspec reads these at run time.
from worker.lab.evaluation.figures import Estimate, Rate

Basis = Literal["stated", "mentioned"]


class GroupOutcome(Struct, frozen=True, kw_only=True):
    """How often human texts of a group are flagged, beside all other human texts of the same question.

    Attributes:
        basis: `stated`: the texts' data say that their authors belong to the group; `mentioned`: the texts
            mention the group, whoever wrote them.
        of: what the group is one of (`dialect`, `religion`).
        group: its name.
        authors: how many authors, documents and texts with neither its texts are from.
        wrongly: share of its texts that are flagged; null where none is inside the calibrated range.
        rest: the same for the other texts: those with another group of the same question, or, for what is
            mentioned, those that do not mention the group; null where there are none.
        ratio: the first share over the second; null where the second is 0 or missing.
        logit_difference: mean logit of the group less that of the rest; null where either is of fewer
            than five authors, documents and texts with neither, of which an interval tells nothing.
        outside: how many more texts of the group are outside the calibrated range, where Flagstaff abstains.
        p: two-sided p-value of the two shares being one (Fisher's exact test); null where either has fewer
            than 30 texts.
        p_corrected: the same after Holm's correction for all the tests of the report.
    """

    basis: Basis
    of: str
    group: str
    authors: int
    wrongly: Rate | None
    rest: Rate | None
    ratio: float | None
    logit_difference: Estimate | None
    outside: int
    p: float | None
    p_corrected: float | None


class RewritingOutcome(Struct, frozen=True, kw_only=True):
    """What a rewriting of human texts does: terms swapped, or features of a dialect or of learners put in.

    Attributes:
        kind: `swap` or `probe`.
        of: what it is about (`gender`, `dialect`).
        rewriting: its short name.
        what: what it does, one sentence.
        texts: how many human texts it changed; all else is counted over these.
        authors: how many authors, documents and texts with neither they are from.
        edits: places changed a text, on average.
        shift: what it adds to the logit on average; null where `authors` is below five.
        before: share of these texts that are flagged as they are.
        after: share that is flagged rewritten.
        gained: how many are flagged only rewritten.
        lost: how many are flagged only as they are.
        ratio: share after over share before; null where that is 0.
        p: two-sided p-value of both directions being as likely (McNemar's exact test); null below 30 texts.
        p_corrected: the same after Holm's correction for all the tests of the report.
    """

    kind: Literal["swap", "probe"]
    of: str
    rewriting: str
    what: str
    texts: int
    authors: int
    edits: float
    shift: Estimate | None
    before: Rate
    after: Rate
    gained: int
    lost: int
    ratio: float | None
    p: float | None
    p_corrected: float | None


class BiasGate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a detector must not be used as it is.

    Attributes:
        bound: share of human texts that may be flagged; a group fails where the lower end of its interval is
            above it.
        ratio: how many times more often than the rest, or than before the rewriting, texts may be flagged; a
            group fails where it is more, and the corrected p-value is below `significance`. The
            default is the other side of the four-fifths rule (29 CFR 1607.4 D).
        significance: the chance, over all groups together, of failing one for its ratio by mere luck.
    """

    bound: float
    ratio: float = 1.25
    significance: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.bound <= 1:
            raise ValueError("`bound` is a share above 0 and at most 1")
        if self.ratio < 1:
            raise ValueError("`ratio` is at least 1")
        if not 0 < self.significance < 1:
            raise ValueError("`significance` is between 0 and 1")


class GateFailure(Struct, frozen=True, kw_only=True):
    """Why the gate fails.

    Attributes:
        of: what the group or rewriting is about.
        group: its name.
        why: one sentence with the figures.
    """

    of: str
    group: str
    why: str


class Bias(Struct, frozen=True, kw_only=True):
    """False positives of human texts, by groups of people. Intervals are at 95 % confidence.

    Shares have Clopper and Pearson's interval, for so many fewer texts as the clustering by authors costs
    (Korn and Graubard 1998); means have that of a bootstrap over authors, documents and texts with neither.

    Attributes:
        detector: its name.
        digest: its digest.
        seed: of rewritings and draws.
        threshold: the calibrated probability above which a text is flagged; null where the detector has none,
            and the logit that 5 % of the human texts exceed stands for it.
        humans: human texts inside the calibrated range.
        outside: human texts outside it; Flagstaff abstains there, and they count in no share.
        wrongly: share of the human texts inside the range that are flagged.
        groups: by what the data state of the authors, and by what the texts mention.
        rewritings: term swaps and probes.
        gate: what was asked; null where nothing was.
        failures: empty where the gate holds.
        limits: what the figures can't tell, one sentence each.
    """

    detector: str
    digest: str
    seed: int
    threshold: float | None
    humans: int
    outside: int
    wrongly: Rate
    groups: tuple[GroupOutcome, ...]
    rewritings: tuple[RewritingOutcome, ...]
    gate: BiasGate | None
    failures: tuple[GateFailure, ...]
    limits: tuple[str, ...]
