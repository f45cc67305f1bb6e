from __future__ import annotations

from typing import Any

from tests.unit.lab.evaluation.made_up import made_up
from worker.lab.corpus import Sample, counts_by_source
from worker.lab.evaluation.learned import learned_from
from worker.lab.splits import hold_out

SAMPLES = [
    sample
    for author in range(20)
    for label in ("human", "machine")
    for sample in made_up(label, 3, author=f"{label} {author}")
]


def test_all_is_learned_from_where_nothing_says_what_was_held_out() -> None:
    learned = learned_from(SAMPLES, {})
    assert all(learned.has(sample) for sample in SAMPLES)
    assert len(learned.authors) == 40


def test_what_training_held_out_is_not_learned_from() -> None:
    kept, held = hold_out(SAMPLES, 0.25, 7)
    provenance: dict[str, Any] = {
        "recipe": {"hold_out": 0.25, "seed": 7},
        "learned_from": counts_by_source(kept),
    }
    learned = learned_from(SAMPLES, provenance)
    assert held
    assert not any(learned.has(sample) for sample in held)
    assert all(learned.has(sample) for sample in kept)
    assert not learned.authors & {sample.author for sample in held}


def test_what_training_was_stopped_by_counts_as_learned_from() -> None:
    kept, held = hold_out(SAMPLES, 0.25, 7)
    provenance = {
        "recipe": {"hold_out": 0.25, "seed": 7},
        "learned_from": counts_by_source(kept[:40]),
        "validated_on": counts_by_source(kept[40:]),
    }
    learned = learned_from(SAMPLES, provenance)
    assert all(learned.has(sample) for sample in kept)
    assert not any(learned.has(sample) for sample in held)


def test_other_counts_than_those_of_the_split_mean_that_all_may_be_learned_from() -> None:
    provenance = {"recipe": {"hold_out": 0.25, "seed": 7}, "learned_from": {"made-up, human": 1}}
    assert all(learned_from(SAMPLES, provenance).has(sample) for sample in SAMPLES)


def test_another_text_of_a_document_is_known_and_another_of_an_author_is_not() -> None:
    learned = learned_from(
        [
            Sample(text="one", label="human", source="s", doc="d"),
            Sample(text="two", label="human", source="s", author="a"),
        ],
        {},
    )
    assert learned.has(Sample(text="other", label="machine", source="s", doc="d"))
    assert not learned.has(Sample(text="other", label="human", source="s", author="a"))
    assert not learned.has(Sample(text="other", label="human", source="s"))
