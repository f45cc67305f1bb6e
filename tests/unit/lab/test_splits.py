from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from worker.lab.corpus import Sample
from worker.lab.splits import folds, hold_out

NAMES = st.none() | st.sampled_from("abcdefgh")
SAMPLES = st.lists(
    st.builds(
        Sample,
        text=st.text(min_size=1, max_size=5),
        label=st.sampled_from(["human", "machine"]),
        source=st.just("here"),
        author=NAMES,
        doc=NAMES,
    )
)


@given(SAMPLES, st.floats(0.05, 0.9), st.integers(0, 99))
def test_no_author_and_no_document_stands_on_both_sides(
    samples: list[Sample], share: float, seed: int
) -> None:
    kept, held = hold_out(samples, share, seed)
    assert sorted(map(repr, [*kept, *held])) == sorted(map(repr, samples))
    assert not {one.author for one in kept if one.author} & {one.author for one in held if one.author}
    lone = [{one.group for one in side if not one.author} for side in (kept, held)]
    assert not lone[0] & lone[1]


@given(SAMPLES, st.integers(2, 5), st.integers(0, 99))
def test_a_group_lies_in_one_fold(samples: list[Sample], count: int, seed: int) -> None:
    dealt = folds(samples, count, seed)
    found: dict[tuple[bool, str], set[int]] = defaultdict(set)
    for sample, fold in zip(samples, dealt, strict=True):
        assert 0 <= fold < count
        found[bool(sample.author), sample.group].add(fold)
    assert all(len(theirs) == 1 for theirs in found.values())


def authors(label: str, count: int) -> list[Sample]:
    return [
        Sample(text=f"{label} {author} {post}", label=label, source="here", author=f"{label}{author}")  # type: ignore[arg-type]  # a test's own two words
        for author in range(count)
        for post in range(author + 1)
    ]


def test_authors_of_both_labels_are_held_out_and_dealt_out_alike() -> None:
    samples = authors("human", 10) + authors("machine", 20)
    _, held = hold_out(samples, 0.2, seed=3)
    assert Counter(one.label for one in {one.author: one for one in held}.values()) == {
        "human": 2,
        "machine": 4,
    }
    by_fold = Counter(
        {(one.label, one.author, fold) for one, fold in zip(samples, folds(samples, 5, 3), strict=True)}
    )
    assert Counter((label, fold) for label, _, fold in by_fold) == {
        (label, fold): size for label, size in (("human", 2), ("machine", 4)) for fold in range(5)
    }


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    samples = authors("human", 10) + authors("machine", 10)

    def held_authors(given: list[Sample], seed: int) -> set[str | None]:
        return {one.author for one in hold_out(given, 0.3, seed)[1]}

    assert held_authors(samples, 1) == held_authors(samples[::-1], 1)
    assert held_authors(samples, 1) != held_authors(samples, 2)
