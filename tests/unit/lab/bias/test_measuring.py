from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.ruled_detector import RuledDetector
from worker.lab.bias.measuring import bias
from worker.lab.bias.report import Bias, BiasGate
from worker.lab.corpus import Sample
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.lab.bias.report import GroupOutcome, RewritingOutcome

GATE = BiasGate(bound=0.05)


def measured(
    rule: Callable[[str], float],
    samples: Sequence[Sample],
    gate: BiasGate | None = GATE,
) -> Bias:
    return bias(RuledDetector(rule), samples, gate=gate, seed=0, token_budget=None, report=lambda _: None)


def human(text: str, author: str | None = None, lang: str | None = None, **groups: str) -> Sample:
    return Sample(text=text, label="human", source="web", author=author, lang=lang, groups=groups)


def group(found: Bias, name: str) -> GroupOutcome:
    [one] = [one for one in found.groups if one.group == name]
    return one


def rewriting(found: Bias, name: str) -> RewritingOutcome:
    [one] = [one for one in found.rewritings if one.rewriting == name]
    return one


def of_two_groups(count: int = 100, every: int = 5) -> list[Sample]:
    """One in so many texts of the first group is flagged by `flags_marked`, none of the second."""
    marked = [human(f"text {n} {'mark' if n % every == 0 else 'plain'}", dialect="a") for n in range(count)]
    return marked + [human(f"text {n} of others", dialect="b") for n in range(count)]


def flags_marked(text: str) -> float:
    return 1.0 if "mark" in text else -1.0


def test_a_group_that_is_flagged_more_often_fails_the_gate() -> None:
    found = measured(flags_marked, of_two_groups())
    marked, others = group(found, "a"), group(found, "b")
    assert marked.wrongly is not None
    assert (marked.wrongly.count, marked.wrongly.of, marked.authors) == (20, 100, 100)
    assert (marked.ratio, others.ratio) == (None, 0.0)
    assert marked.p_corrected is not None
    assert marked.p_corrected < 1e-3
    assert marked.logit_difference is not None
    assert marked.logit_difference.value == pytest.approx(0.4)
    assert [(one.of, one.group) for one in found.failures] == [("dialect", "a (stated)")]
    assert "20 of 100 texts are flagged" in found.failures[0].why


def test_below_the_bound_only_the_ratio_fails() -> None:
    [failure] = measured(flags_marked, of_two_groups(), BiasGate(bound=0.5)).failures
    assert "more than 1.25 times as many" in failure.why
    assert measured(flags_marked, of_two_groups(), None).failures == ()


def test_what_chance_explains_does_not_fail() -> None:
    found = measured(flags_marked, of_two_groups(every=50), BiasGate(bound=0.5))
    assert found.failures == ()
    assert measured(lambda _: -1.0, of_two_groups()).failures == ()


def test_one_authors_habit_is_no_groups() -> None:
    # 40 of 200 texts again, but all of one author.
    samples = [
        human(f"text {n} {'mark' if n < 40 else 'plain'}", author="loud" if n < 40 else f"a{n}", dialect="a")
        for n in range(200)
    ]
    samples += [human(f"text {n} of others", dialect="b") for n in range(200)]
    found = measured(flags_marked, samples)
    marked = group(found, "a")
    assert marked.wrongly is not None
    assert marked.wrongly.value == 0.2
    assert marked.wrongly.low < 0.05
    assert found.failures == ()


def test_mentions_are_counted_and_small_groups_not_tested() -> None:
    samples = [human(f"text {n} about {'mosques' if n < 5 else 'trees'}") for n in range(60)]
    found = measured(lambda text: 1.0 if "mosques" in text else -1.0, samples)
    muslims = group(found, "Muslims")
    assert muslims.basis == "mentioned"
    assert muslims.wrongly is not None
    assert muslims.rest is not None
    assert (muslims.wrongly.count, muslims.wrongly.of, muslims.rest.count) == (5, 5, 0)
    assert (muslims.p, muslims.p_corrected) == (None, None)
    # Five of five are far above the bound, few as they are.
    assert [one.group for one in found.failures] == ["Muslims (mentioned)"]
    assert group(found, "Sikhs").wrongly is None


def test_a_detector_that_reacts_to_swapped_terms_is_found_out() -> None:
    samples = [human(f"he wrote line {n} himself") for n in range(100)]
    found = measured(lambda text: 1.0 if "she" in text.split() else -1.0, samples)
    swap = rewriting(found, "he to she")
    assert (swap.texts, swap.gained, swap.lost, swap.edits) == (100, 100, 0, 2.0)
    assert swap.shift is not None
    assert (swap.shift.value, swap.shift.low, swap.shift.high) == (2.0, 2.0, 2.0)
    assert swap.p_corrected is not None
    assert swap.p_corrected < 1e-6
    assert [(one.of, one.group) for one in found.failures] == [("gender", "he to she (swap)")]


def test_a_detector_that_reacts_to_missing_articles_is_found_out() -> None:
    samples = [human(f"the line {n} is the last of the poem") for n in range(100)]
    found = measured(lambda text: 3.0 - 2 * text.count("the ") if "swap" not in text else 0.0, samples)
    probe = rewriting(found, "articles left out")
    assert (probe.kind, probe.of) == ("probe", "learner")
    assert probe.shift is not None
    assert probe.shift.low > 0
    assert probe.gained > 30
    assert "articles left out (probe)" in {one.group for one in found.failures}


def test_of_a_few_authors_no_mean_is_stated() -> None:
    samples = [human(f"he wrote text {n}", author=f"a{n % 4}", dialect="a") for n in range(80)]
    samples += [human(f"text {n} of others", dialect="b") for n in range(80)]
    found = measured(flags_marked, samples)
    assert group(found, "a").authors == 4
    assert group(found, "a").logit_difference is None
    assert rewriting(found, "he to she").shift is None


def test_what_no_text_has_is_not_in_the_table() -> None:
    found = measured(flags_marked, [human("tree"), human("stone")])
    assert "he to she" not in {one.rewriting for one in found.rewritings}


def test_texts_outside_the_range_and_machines_texts_count_nowhere() -> None:
    samples = [
        *(human(f"text {n}", dialect="a") for n in range(10)),
        *(human(f"mark {n}", lang="de", dialect="a") for n in range(7)),
        Sample(text="mark", label="machine", source="web", groups={"dialect": "a"}),
    ]
    found = measured(flags_marked, samples)
    assert (found.humans, found.outside, found.wrongly.count) == (10, 7, 0)
    assert group(found, "a").outside == 7
    with pytest.raises(CorpusError, match="no human text is inside"):
        measured(flags_marked, samples[10:])


def test_the_same_input_gives_the_same_bytes() -> None:
    first, again = (msgspec.json.encode(measured(flags_marked, of_two_groups(40))) for _ in range(2))
    assert first == again
    assert msgspec.json.encode(msgspec.json.decode(first, type=Bias)) == first
