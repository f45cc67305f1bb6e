from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.ruled_detector import CALIBRATION, RuledDetector
from worker.detector.calibration import Calibration
from worker.lab.corpus import Sample
from worker.lab.lines import CorpusError
from worker.lab.robustness.measuring import robustness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.robustness.report import AttackOutcome, Robustness

MACHINE = "the machine writes see case {} of the copy"
HUMAN = "a person wrote this line number {} by hand"


def told_by_its_words(text: str) -> float:
    return 1.0 if "machine" in text or text.startswith("plain") else -1.0


def texts() -> list[Sample]:
    return [
        *(Sample(text=HUMAN.format(n), label="human", source="web:a", author=f"a{n % 4}") for n in range(20)),
        *(
            Sample(text=MACHINE.format(n), label="machine", source="web:b", generator="g", sampling="pure")
            for n in range(20)
        ),
    ]


def measured(detector: RuledDetector, samples: Sequence[Sample], seed: int = 0) -> Robustness:
    return robustness(detector, samples, seed=seed, token_budget=None, report=lambda _: None)


def of(found: Robustness, attack: str, *, defended: bool = True) -> AttackOutcome:
    [one] = [one for one in found.attacks if one.attack == attack and one.defended == defended]
    return one


def test_each_attack_is_held_against_the_texts_as_they_are() -> None:
    found = measured(RuledDetector(told_by_its_words), texts())
    assert (found.unattacked.machine, found.unattacked.human, found.outside) == (20, 20, 0)
    assert found.unattacked.auroc.value == 1.0
    assert (found.unattacked.found.value, found.unattacked.wrongly.value) == (1.0, 0.0)
    upper = of(found, "upper case")
    assert (upper.machine, upper.human) == (20, 20)
    assert (upper.auroc.value, upper.auroc_change.value) == (0.5, -0.5)
    assert (upper.found.count, upper.lost, upper.gained) == (0, 20, 0)
    assert upper.shift is not None
    assert (upper.shift.value, upper.shift.low, upper.shift.high) == (-2.0, -2.0, -2.0)
    assert upper.human_shift is not None
    assert upper.human_shift.value == 0.0
    lower = of(found, "lower case")
    assert (lower.machine, lower.shift, lower.found.count) == (0, None, 20)


def test_the_defence_is_measured_beside_its_lack() -> None:
    found = measured(RuledDetector(told_by_its_words), texts())
    defended, open_to_it = (of(found, "zero width", defended=one) for one in (True, False))
    assert (defended.undone, defended.found.value) == (1.0, 1.0)
    assert open_to_it.found.value < 0.5
    assert open_to_it.auroc_change.high < 0
    assert not [one for one in found.attacks if one.attack == "synonyms" and not one.defended]


def test_human_texts_that_an_attack_gets_flagged_are_counted() -> None:
    found = measured(RuledDetector(lambda text: 1.0 if text.isupper() else -1.0), texts())
    upper = of(found, "upper case")
    assert (upper.wrongly.count, upper.gained, upper.found.count) == (20, 20, 20)
    # The humans' texts that the machines' are held against are those as they are.
    assert upper.auroc.value == 1.0


def test_another_use_of_a_generator_is_compared_with_its_plain_one() -> None:
    others = [
        Sample(
            text=f"hidden {kind} {n}",
            label="machine",
            source=f"web:{kind}",
            generator=generator,
            sampling=sampling,
        )
        for kind, generator, sampling in [
            ("evading", "g", "adversarial against a detector"),
            ("tuned", "g fine-tuned", "pure"),
            ("stranger", "h", "adversarial against a detector"),
        ]
        for n in range(10)
    ]
    found = measured(RuledDetector(told_by_its_words), [*texts(), *others]).decodings
    assert [(one.other, one.reference, one.generator) for one in found] == [
        ("web:evading", "web:b", "g"),
        ("web:tuned", "web:b", "g fine-tuned"),
    ]
    assert (found[0].human, found[0].reference_texts, found[0].other_texts) == (20, 20, 10)
    assert (found[0].reference_auroc.value, found[0].other_auroc.value) == (1.0, 0.5)
    assert (found[0].auroc_change.value, found[0].shift.value) == (-0.5, -2.0)
    assert (found[0].reference_found.value, found[0].other_found.value) == (1.0, 0.0)


def test_texts_outside_the_range_are_left_out_and_counted() -> None:
    samples = [*texts(), Sample(text="no", label="human", source="web:a", lang="de")]
    assert measured(RuledDetector(told_by_its_words), samples).outside == 1


def test_a_text_that_an_attack_carries_out_of_the_range_is_not_flagged() -> None:
    narrow = msgspec.structs.replace(CALIBRATION, min_tokens=8, max_tokens=9)
    found = measured(RuledDetector(told_by_its_words, narrow), texts())
    assert found.unattacked.found.value == 1.0
    appended = of(found, "human sentence")
    assert (appended.found.value, appended.auroc.value) == (0.0, 1.0)


def test_without_a_calibration_a_threshold_is_taken_from_the_human_texts() -> None:
    found = measured(RuledDetector(told_by_its_words, Calibration()), texts())
    assert found.threshold is None
    assert (found.unattacked.found.value, found.unattacked.wrongly.value) == (1.0, 0.0)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (
        msgspec.json.encode(measured(RuledDetector(len_of_last), texts(), seed)) for seed in (4, 4, 5)
    )
    assert first == again
    assert first != other


def len_of_last(text: str) -> float:
    return float(len(text.rsplit(" ", 1)[-1]) + text.count("e") / 10 - 4)


def test_both_labels_are_needed() -> None:
    humans = [one for one in texts() if not one.is_machine]
    with pytest.raises(CorpusError, match="20 human and 0 machine texts"):
        measured(RuledDetector(told_by_its_words), humans)
    with pytest.raises(CorpusError, match="no human text is inside"):
        measured(RuledDetector(told_by_its_words), [one for one in texts() if one.is_machine])
