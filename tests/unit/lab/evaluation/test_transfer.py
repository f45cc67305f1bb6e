from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Literal

import pytest
from msgspec.structs import replace

from tests.support.ruled_detector import RuledDetector
from worker.lab.corpus import Sample
from worker.lab.evaluation.transfer import ALL, AS_MANY, OTHERS, Plan, linear_trainer, transfer
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector

WORDS = {
    "human": ["lake", "river", "stone", "maybe", "neighbour", "laughed", "rain", "quietly"],
    "one": ["leverage", "synergy", "robust", "paradigm"],
    "two": ["delve", "tapestry", "vibrant", "seamless"],
    "three": ["leverage", "synergy", "delve", "tapestry"],
}


def texts(writer: str, label: Literal["human", "machine"], count: int = 120) -> list[Sample]:
    random = Random(writer)  # noqa: S311 - it guards nothing
    return [
        Sample(
            text=" ".join(random.choices(WORDS["human"], k=15) + random.choices(WORDS[writer], k=3)),
            label=label,
            source="made-up",
            generator=None if label == "human" else writer,
            sampling=None if label == "human" else f"top-k {len(writer)}",
            doc=f"doc {number}",
        )
        for number in range(count)
    ]


SAMPLES = [
    *texts("human", "human", 200),
    *(one for name in ("one", "two", "three") for one in texts(name, "machine")),
]


def counting(samples: Sequence[Sample]) -> Detector:
    """Learns how much more often machines use each word; what no human uses tells most."""
    used = {
        label: Counter(word for one in samples if one.label == label for word in one.text.split())
        for label in ("human", "machine")
    }
    totals = {label: max(1, counts.total()) for label, counts in used.items()}

    def weight(word: str) -> float:
        human, machine = ((used[label][word] + 1) / totals[label] for label in ("human", "machine"))
        return math.log(machine / human)

    return RuledDetector(lambda text: sum(map(weight, text.split())))


def quiet(what: str) -> None:
    del what


@pytest.fixture(scope="module")
def rows() -> dict[str, list[float]]:
    matrix = transfer(SAMPLES, Plan("generator", ("one", "two", "three"), 100, 0), counting, quiet)
    assert matrix.columns == ("one", "two", "three")
    return {row.trained_on: [cell.auroc.value for cell in row.cells] for row in matrix.rows}


def test_what_was_trained_on_one_generator_knows_it_and_not_another(rows: dict[str, list[float]]) -> None:
    assert rows["one"][0] > 0.95
    assert rows["two"][1] > 0.95
    assert rows["one"][1] < rows["one"][0] - 0.1
    # The third shares words with the first.
    assert rows["one"][2] > rows["one"][1] + 0.05


def test_a_mix_knows_all_and_all_others_what_they_share(rows: dict[str, list[float]]) -> None:
    assert list(rows) == ["one", "two", "three", AS_MANY, ALL, OTHERS]
    assert min(rows[ALL]) > 0.95
    assert min(rows[AS_MANY]) > 0.9
    assert rows[OTHERS][2] > 0.9


def test_tests_are_on_other_documents_against_humans_of_the_same() -> None:
    matrix = transfer(SAMPLES, Plan("sampling", (), 100, 0), counting, quiet)
    assert matrix.columns == ("top-k 3", "top-k 5")
    for row in matrix.rows[:2]:
        assert (
            row.machine + row.cells[matrix.columns.index(row.trained_on)].machine
            == {
                "top-k 3": 240,
                "top-k 5": 120,
            }[row.trained_on]
        )
        # Humans of the 120 documents that have machine texts too, not of all 200.
        assert row.human + row.cells[0].human == 120


def test_those_with_too_few_texts_are_passed_over_or_refused() -> None:
    few = [
        Sample(text=f"{one.text} few", label="machine", source="made-up", generator="few")
        for one in texts("one", "machine", 10)
    ]
    samples = [*texts("human", "human"), *texts("one", "machine"), *texts("two", "machine"), *few]
    assert transfer(samples, Plan("generator", (), 100, 0), counting, quiet).passed_over == ("few",)
    with pytest.raises(CorpusError, match="the generator 'few' has too few texts"):
        transfer(samples, Plan("generator", ("one", "few"), 100, 0), counting, quiet)
    with pytest.raises(
        CorpusError, match="no machine text has the generator 'four'; there are one, three, two"
    ):
        transfer(SAMPLES, Plan("generator", ("four",), 100, 0), counting, quiet)
    with pytest.raises(CorpusError, match="a transfer matrix takes two"):
        transfer(SAMPLES[:320], Plan("generator", (), 100, 0), counting, quiet)


def test_one_generator_alone_can_take_part() -> None:
    again = [replace(one, text=f"{one.text} again", sampling="pure") for one in texts("one", "machine")]
    matrix = transfer([*SAMPLES, *again], Plan("sampling", (), 100, 0, "one"), counting, quiet)
    assert matrix.columns == ("pure", "top-k 3")
    assert [row.machine + row.cells[0].machine for row in matrix.rows[:2]] == [120, 120]


def test_the_linear_recipe_learns_what_it_is_given() -> None:
    samples = [*texts("human", "human"), *texts("one", "machine")]
    detector = linear_trainer(0)(samples[20:-20])
    logits = detector.logits(detector.encode([one.text for one in samples]))
    assert max(logits[:20]) < min(logits[-20:])
