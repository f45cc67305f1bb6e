"""What is measured of a detector's robustness."""

from __future__ import annotations

from msgspec import Struct

# msgspec reads these at run time.
from worker.lab.evaluation.figures import Estimate, Rate


class AttackOutcome(Struct, frozen=True, kw_only=True):
    """What one attack does to the texts inside the detector's calibrated range.

    The machines' texts are attacked and held against the humans' as they are; the humans' are attacked too,
    to see whether the same edits, which people make innocently, get them flagged. A text is flagged where it
    is above the threshold and inside the calibrated range.

    Attributes:
        attack: its short name.
        what: what it does, one sentence.
        defended: whether the detector gets the canonical form, as in the worker, or the attacked text.
        machine: how many machine texts it changed; the others stand as they were.
        human: the same for human texts.
        undone: share of the changed texts of which the canonical form makes the text they were.
        auroc: the chance that a machine's text, attacked, has a higher logit than a human's.
        auroc_change: what it is less than that before the attack; from the same draws.
        found: share of the machines' texts that are flagged, at the threshold from before the attack.
        found_at_5: share of the machines' above the logit that 5 % of the unattacked human texts exceed.
        shift: what the attack adds to the logits of the machines' texts that it changed, on average; null
            where it changed none.
        lost: machine texts that were flagged and no longer are.
        gained: machine texts that were not flagged and are now.
        human_shift: as `shift`, for human texts.
        wrongly: share of the human texts, attacked, that are flagged.
    """

    attack: str
    what: str
    defended: bool
    machine: int
    human: int
    undone: float | None
    auroc: Estimate
    auroc_change: Estimate
    found: Rate
    found_at_5: Rate
    shift: Estimate | None
    lost: int
    gained: int
    human_shift: Estimate | None
    wrongly: Rate


class Unattacked(Struct, frozen=True, kw_only=True):
    """The same texts as they are.

    Attributes:
        machine: how many are a machine's.
        human: how many are a human's.
        auroc: the chance that a machine's has a higher logit than a human's.
        found: share of the machines' that are flagged.
        found_at_5: share of the machines' above the logit that 5 % of the human texts exceed.
        wrongly: share of the humans' that are flagged.
    """

    machine: int
    human: int
    auroc: Estimate
    found: Rate
    found_at_5: Rate
    wrongly: Rate


class DecodingOutcome(Struct, frozen=True, kw_only=True):
    """A generator's texts made in another way, such as to evade a detector or after fine-tuning.

    Attributes:
        family: how the texts were gathered.
        generator: who wrote the others.
        reference: source of the generator's texts that they are compared with.
        other: their own source.
        how: how they were sampled, where that is known.
        human: how many human texts of the family both are held against.
        reference_texts: how many texts the reference has.
        other_texts: how many the others are.
        reference_auroc: the chance that one of the reference's has a higher logit than a human's.
        other_auroc: the same for the others.
        auroc_change: the second less the first.
        reference_found: share of the reference's that are flagged.
        other_found: share of the others that are flagged.
        shift: mean logit of the others less that of the reference's.
    """

    family: str
    generator: str
    reference: str
    other: str
    how: str | None
    human: int
    reference_texts: int
    other_texts: int
    reference_auroc: Estimate
    other_auroc: Estimate
    auroc_change: Estimate
    reference_found: Rate
    other_found: Rate
    shift: Estimate


class Robustness(Struct, frozen=True, kw_only=True):
    """What attacks change of a detector's word.

    Intervals are at 95 % confidence. Shares have Clopper and Pearson's, for so many fewer texts as the
    clustering by authors costs (Korn and Graubard 1998); the rest has that of a bootstrap over authors,
    documents and texts with neither.

    Attributes:
        detector: its name.
        digest: its digest.
        seed: of attacks and draws.
        threshold: the calibrated probability above which a text is flagged; null where the detector has none,
            and the logit that 5 % of the human texts exceed stands for it.
        outside: how many texts were left out as outside the calibrated range.
        unattacked: the texts as they are.
        attacks: one entry for each attack, two where the canonical form makes a difference.
        decodings: the generators' other uses that the texts hold.
    """

    detector: str
    digest: str
    seed: int
    threshold: float | None
    outside: int
    unattacked: Unattacked
    attacks: tuple[AttackOutcome, ...]
    decodings: tuple[DecodingOutcome, ...]
