"""Measures how often human texts are flagged, by groups of people and by how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from worker.lab.bias.dialects import dialect_probes
from worker.lab.bias.gate import failures
from worker.lab.bias.groups import groups_of
from worker.lab.bias.learners import learner_probes
from worker.lab.bias.report import Bias, GroupOutcome, RewritingOutcome
from worker.lab.bias.rewriting import edits_between, rewritten
from worker.lab.bias.significance import fisher, holm, mcnemar
from worker.lab.bias.swaps import swaps
from worker.lab.evaluation.resampling import FEWEST_CLUSTERS, seed_for
from worker.lab.flagging import Flagging, drawn
from worker.lab.intervals import design_effect, estimate, mean, means, numbered, rate
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.detector.protocol import Detector
    from worker.lab.bias.groups import Group
    from worker.lab.bias.report import BiasGate
    from worker.lab.bias.rewriting import Rewriting
    from worker.lab.corpus import Sample
    from worker.lab.evaluation.figures import Rate
    from worker.lab.evaluation.scored import Scored

FEWEST: Final = 30

LIMITS: Final = (
    "That a text mentions a group says nothing of who wrote it: these rows show topics, not people.",
    (
        "Swaps and probes are made by rule and read stiffly; they show what a detector reacts to, and are "
        "no substitute for texts that the people themselves wrote."
    ),
    (
        "African American English and learners' English differ from the probes in more than can be placed "
        "by rule, and people differ among themselves."
    ),
    (
        "Where few texts of a group are flagged the interval is wide: that no difference was found does not"
        " show that there is none."
    ),
    "Groups that the data say nothing of, and people who belong to several, are not measured.",
    (
        "Texts outside the calibrated range count in no rate, since Flagstaff abstains on them; how many of"
        " a group they are is stated."
    ),
)


def bias(  # noqa: PLR0913 - what is measured, and how
    detector: Detector,
    samples: Sequence[Sample],
    *,
    gate: BiasGate | None,
    seed: int,
    token_budget: int | None,
    report: Callable[[str], None],
) -> Bias:
    """How often human texts are flagged: all, by group, and rewritten.

    Args:
        detector: what is measured.
        samples: labelled texts, canonical, that it was not trained on; those of machines are passed over.
        gate: what must not be; None: nothing fails.
        seed: of rewritings and draws.
        token_budget: most tokens at once, None for what the detector likes best.
        report: told what is being done.

    Raises:
        CorpusError: there is no human text inside the calibrated range.
    """
    humans = [one for one in samples if not one.is_machine]
    flagging = Flagging(detector, token_budget)
    report("evaluate: bias, the texts as they are")
    people = _People.of(flagging, flagging.scored(humans), humans, seed)
    groups = [_group(people, group) for group in groups_of(humans)]
    rewritings = []
    for rewriting in (*swaps(), *dialect_probes(), *learner_probes()):
        report(f"evaluate: bias, {rewriting.of}, {rewriting.name}")
        if (outcome := _rewriting(flagging, people, rewriting, seed)) is not None:
            rewritings.append(outcome)
    corrected = iter(holm([one.p for one in groups] + [one.p for one in rewritings]))
    groups = [replace(one, p_corrected=next(corrected)) for one in groups]
    rewritings = [replace(one, p_corrected=next(corrected)) for one in rewritings]
    return Bias(
        detector=detector.name,
        digest=detector.digest,
        seed=seed,
        threshold=detector.calibration.threshold,
        humans=len(people.scored.samples),
        outside=len(humans) - len(people.scored.samples),
        wrongly=people.rate(np.ones(len(people.flagged), bool)),
        groups=tuple(groups),
        rewritings=tuple(rewritings),
        gate=gate,
        failures=() if gate is None else failures(gate, groups, rewritings),
        limits=LIMITS,
    )


class _People(NamedTuple):
    """The human texts inside the calibrated range.

    Attributes:
        scored: what the detector says of them.
        every: all human texts, those outside too.
        flagged: whether each is flagged, shape (texts,).
        clusters: which author or document each is of, shape (texts,).
        drawn: how often each is in each bootstrap draw, shape (draws, texts).
        design_effect: of all of them.
    """

    scored: Scored
    every: Sequence[Sample]
    flagged: NDArray[np.bool_]
    clusters: NDArray[np.int64]
    drawn: NDArray[np.float64]
    design_effect: float

    @classmethod
    def of(cls, flagging: Flagging, scored: Scored, every: Sequence[Sample], seed: int) -> _People:
        flagged = flagging.flagged(scored)
        clusters = numbered([one.group for one in scored.samples])
        times = drawn(scored, seed_for(seed, "bias"))
        return cls(scored, every, flagged, clusters, times, design_effect(flagged, clusters) or 1.0)

    def authors(self, those: NDArray[np.bool_]) -> int:
        """How many authors, documents and texts with neither some of them are from."""
        return len(set(self.clusters[those].tolist()))

    def effect(self, those: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> float:
        """The design effect of some of them; where nothing can be told, that of all."""
        return design_effect(flagged[those], self.clusters[those]) or self.design_effect

    def rate(self, those: NDArray[np.bool_], flagged: NDArray[np.bool_] | None = None) -> Rate:
        """The share of some of them, at least one, that is flagged."""
        flagged = self.flagged if flagged is None else flagged
        effect = min(self.effect(those, flagged), float(those.sum()))
        return rate(int(flagged[those].sum()), int(those.sum()), design_effect=effect)

    def effective(self, those: NDArray[np.bool_]) -> tuple[float, float]:
        """(how many are flagged, of how many), over the design effect."""
        effect = min(self.effect(those, self.flagged), float(those.sum()))
        return float(self.flagged[those].sum()) / effect, float(those.sum()) / effect


def _group(people: _People, group: Group) -> GroupOutcome:
    samples = people.scored.samples
    theirs, rest = group.members(samples), group.rest(samples)
    logits, times = people.scored.logits, people.drawn
    has_both = min(people.authors(theirs), people.authors(rest)) >= FEWEST_CLUSTERS
    wrongly = people.rate(theirs) if theirs.any() else None
    others = people.rate(rest) if rest.any() else None
    enough = min(theirs.sum(), rest.sum()) >= FEWEST
    return GroupOutcome(
        basis=group.basis,
        of=group.of,
        group=group.name,
        authors=people.authors(theirs),
        wrongly=wrongly,
        rest=others,
        ratio=wrongly.value / others.value if wrongly and others and others.value else None,
        logit_difference=(
            estimate(
                float(logits[theirs].mean() - logits[rest].mean()),
                means(logits[theirs], times[:, theirs]) - means(logits[rest], times[:, rest]),
            )
            if has_both
            else None
        ),
        outside=int(group.members(people.every).sum() - theirs.sum()),
        p=fisher(people.effective(theirs), people.effective(rest)) if enough else None,
        p_corrected=None,
    )


def _rewriting(
    flagging: Flagging, people: _People, rewriting: Rewriting, seed: int
) -> RewritingOutcome | None:
    """What it does to the texts that it changes; None where it changes none."""
    samples = people.scored.samples
    texts = [canonical(rewritten(rewriting, one.text, seed)) for one in samples]
    after = flagging.changed(people.scored, texts)
    if not len(after.where):
        return None
    those = np.zeros(len(samples), bool)
    those[after.where] = True
    gained = int((after.flagged & ~people.flagged).sum())
    lost = int((people.flagged & ~after.flagged).sum())
    before, now = people.rate(those), people.rate(those, after.flagged)
    return RewritingOutcome(
        kind=rewriting.kind,
        of=rewriting.of,
        rewriting=rewriting.name,
        what=rewriting.what,
        texts=len(after.where),
        authors=people.authors(those),
        edits=float(np.mean([edits_between(samples[at].text, texts[at]) for at in after.where])),
        shift=(
            mean((after.logits - people.scored.logits)[those], people.drawn[:, those])
            if people.authors(those) >= FEWEST_CLUSTERS
            else None
        ),
        before=before,
        after=now,
        gained=gained,
        lost=lost,
        ratio=now.value / before.value if before.value else None,
        p=mcnemar(gained, lost) if len(after.where) >= FEWEST else None,
        p_corrected=None,
    )
