from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from worker.review.agreement import cohen_kappa, krippendorff_alpha
from worker.review.reviewers import measure
from worker.review.sampling import known_is_due, reviewers_needed
from worker.review.urgency import urgency

if TYPE_CHECKING:
    from worker.records import Verdict


def test_kappa_is_that_of_a_worked_example() -> None:
    # 50 texts: both say yes 20 times, both no 15, the first alone yes 5, the second alone 10.
    pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert cohen_kappa(pairs) == pytest.approx(0.4)


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: nominal, missing values.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[str(value) for value in unit if value is not None] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)


def test_agreement_by_chance_is_near_zero_and_full_agreement_is_one() -> None:
    draw = random.Random(1)  # noqa: S311 - no secret
    pairs = [(draw.choice("mh"), draw.choice("mh")) for _ in range(20_000)]
    assert cohen_kappa(pairs) == pytest.approx(0, abs=0.02)
    assert krippendorff_alpha(pairs) == pytest.approx(0, abs=0.02)
    same = [("m", "m"), ("h", "h")] * 5
    assert cohen_kappa(same) == krippendorff_alpha(same) == 1


@pytest.mark.parametrize("pairs", [[], [("m", "m")] * 9])
def test_where_nothing_differs_agreement_is_not_defined(pairs: list[tuple[str, str]]) -> None:
    assert cohen_kappa(pairs) is None
    assert krippendorff_alpha(pairs) is None


def test_people_are_measured_above_the_sample_and_never_ranked() -> None:
    verdicts: dict[str, dict[str, Verdict]] = {}
    for number in range(40):
        ann: Verdict = "machine" if number % 4 else "human"
        verdicts[f"f{number}"] = {"zoe": "machine", "ann": ann}
    verdicts["g"] = {"bob": "human"}
    known: dict[str, Verdict] = {f"f{number}": "machine" for number in range(40)}
    known["g"] = "human"
    group = measure(verdicts, known, least=40)
    assert [person.name for person in group.people] == ["ann", "bob", "zoe"]
    first, bob, zoe = group.people
    assert bob.right is None
    assert first.right is not None
    assert zoe.right is not None
    assert (first.right.value, zoe.right.value) == (0.75, 1.0)
    assert first.right.low < 0.75 < first.right.high
    assert [(pair.one, pair.other, pair.flags) for pair in group.pairs] == [("ann", "zoe", 40)]
    assert group.shared == 40
    few = measure(verdicts, known, least=41)
    assert few.alpha is None
    assert few.pairs[0].kappa is None
    assert all(person.right is None for person in few.people)
    assert few.right is not None  # 81 verdicts of the group together


def test_an_unsure_verdict_is_neither_right_nor_wrong() -> None:
    group = measure({"f": {"ann": "unsure"}}, {"f": "human"}, least=0)
    assert group.people[0].known == 0
    assert group.people[0].right is None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_stated_share_goes_to_two_people_and_a_stated_share_is_known(share: float) -> None:
    double = sum(reviewers_needed(f"flag-{number}", share) == 2 for number in range(20_000)) / 20_000
    known = sum(known_is_due("ann", number, share) for number in range(20_000)) / 20_000
    assert double == pytest.approx(share, abs=0.02)
    assert known == pytest.approx(share, abs=0.02)
    assert (double, known) == (share, share) or 0 < share < 1


def test_appeals_come_first_then_what_weighs_most() -> None:
    order = [
        urgency("label", 0.1, "appealed"),
        urgency("limit", 1.0, "handed-over"),
        urgency("limit", 0.9, "open"),
        urgency("limit", 0.8, "open"),
        urgency("review", 1.0, "open"),
        urgency("label", 1.0, "open"),
    ]
    assert all(one > other for one, other in itertools.pairwise(order))
