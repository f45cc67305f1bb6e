from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.ruled_detector import RuledDetector
from tests.unit.lab.evaluation.made_up import first_number, made_up, scored
from worker.lab.evaluation.author_record import author_records
from worker.lab.evaluation.learned import learned_from

if TYPE_CHECKING:
    from worker.lab.corpus import Sample


def authors(count: int, posts: int) -> list[Sample]:
    return [
        sample
        for number in range(count)
        for label in ("human", "machine")
        for sample in made_up(label, posts, author=f"{label} {number}")
    ]


SAMPLES = authors(8, 30)
SCORED = scored(RuledDetector(first_number), SAMPLES)


def test_more_posts_tell_more() -> None:
    one, five, many, all_of_them = author_records(SCORED, None, draws=100, seed=0)
    assert [record.posts for record in (one, five, many, all_of_them)] == [1, 5, 25, 100]
    assert one.auroc.value < five.auroc.value < many.auroc.value
    assert 0.8 < one.auroc.value < 0.92
    assert many.auroc.value > 0.99
    assert (one.human, one.machine) == (8, 8)
    assert (many.with_so_many, all_of_them.with_so_many) == (16, 0)


def test_authors_seen_and_unseen_are_told_apart() -> None:
    learned = learned_from(
        [one for one in SAMPLES if one.author and one.author.endswith(("0", "1", "2"))], {}
    )
    records = {(one.authors, one.posts): one for one in author_records(SCORED, learned, draws=100, seed=0)}
    assert (records["seen", 5].human, records["unseen", 5].human) == (3, 5)
    # Of three authors nothing can be told.
    assert (records["seen", 5].auroc.low, records["seen", 5].auroc.high) == (0.0, 1.0)
    assert records["unseen", 5].auroc.low > 0.5


def test_authors_with_few_posts_or_of_one_label_give_nothing() -> None:
    few = scored(RuledDetector(first_number), authors(8, 4))
    assert list(author_records(few, None, draws=100, seed=0)) == []
    humans = SCORED.where(~SCORED.machine)
    assert list(author_records(humans, None, draws=100, seed=0)) == []
