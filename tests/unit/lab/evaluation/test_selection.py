from __future__ import annotations

from tests.support.ruled_detector import RuledDetector
from tests.unit.lab.evaluation.made_up import first_number, made_up, scored
from worker.lab.evaluation.learned import learned_from
from worker.lab.evaluation.selection import selections

SAMPLES = [
    *made_up("human", 6, source="posts:a", author="seen", lang="en"),
    *made_up("human", 4, source="posts:b", author="unseen", lang="en-GB"),
    *made_up("machine", 5, source="posts:c", generator="small", sampling="pure", domain="news"),
    *made_up("machine", 3, source="posts:c", generator="large", sampling="top-k 40", domain="news"),
    *made_up("human", 2, source="web", domain="wiki", lang="de"),
]
SCORED = scored(RuledDetector(first_number), SAMPLES)
LEARNED = learned_from(made_up("human", 1, seed=9, author="seen"), {})
FOUND = {
    (one.dimension, one.name): (
        int((one.inside & ~SCORED.machine).sum()),
        int((one.inside & SCORED.machine).sum()),
    )
    for one in selections(SCORED, LEARNED)
}


def test_all_texts_come_first() -> None:
    first = next(iter(selections(SCORED, None)))
    assert (first.dimension, first.name) == ("all", "all texts")
    assert first.inside.all()


def test_a_generator_stands_against_all_humans_of_its_family() -> None:
    assert FOUND["generator", "posts: small"] == (10, 5)
    assert FOUND["generator", "posts: large"] == (10, 3)
    assert FOUND["sampling", "posts: top-k 40"] == (10, 3)
    assert FOUND["source", "posts:c"] == (10, 8)
    assert not any(name.startswith("web") for dimension, name in FOUND if dimension == "generator")


def test_each_source_of_humans_is_looked_at_alone() -> None:
    assert FOUND["source", "posts:a, humans alone"] == (6, 0)
    assert FOUND["source", "posts:b, humans alone"] == (4, 0)


def test_what_is_not_stated_is_a_slice_of_its_own() -> None:
    assert FOUND["domain", "news"] == (0, 8)
    assert FOUND["domain", "not stated"] == (10, 0)
    assert FOUND["language", "not stated"] == (0, 8)


def test_regions_of_a_language_are_one() -> None:
    assert FOUND["language", "en"] == (10, 0)
    assert FOUND["language", "de"] == (2, 0)


def test_authors_are_seen_or_not_where_that_is_known() -> None:
    assert FOUND["author", "seen"] == (6, 0)
    assert FOUND["author", "unseen"] == (4, 0)
    assert FOUND["author", "no author"] == (2, 8)
    assert not any(one.dimension == "author" for one in selections(SCORED, None))


def test_every_text_is_in_one_class_of_lengths() -> None:
    classes = [counts for (dimension, _), counts in FOUND.items() if dimension == "length"]
    assert sum(human + machine for human, machine in classes) == len(SAMPLES)
    assert {name for dimension, name in FOUND if dimension == "length"} <= {
        "1 to 9 tokens", "10 to 19 tokens", "20 to 39 tokens", "40 to 79 tokens",
    }  # fmt: skip
