from __future__ import annotations

import numpy as np
import pytest

from worker.detector.constant import ConstantDetector
from worker.lab.calibrating import Unseen
from worker.lab.corpus import Sample
from worker.lab.measuring import by_author, by_generator, by_human_source, by_lengths, logits_of


def sample(
    label: str, source: str = "news", generator: str | None = None, author: str | None = None
) -> Sample:
    return Sample(text="…", label=label, source=source, generator=generator, author=author)  # type: ignore[arg-type]  # a test's own two words


def test_each_generator_is_measured_against_the_humans_of_its_family() -> None:
    samples = [
        sample("human"),
        sample("human"),
        sample("machine", generator="gpt2"),
        sample("machine", generator="opt"),
        sample("human", "posts:a"),
        sample("machine", "posts:b", "gpt2"),
        sample("machine", "lone", "gpt2"),
    ]
    logits = np.array([0.0, 1.0, 0.5, 2.0, 0.0, -1.0, 9.0])
    found = by_generator(samples, logits, logits > 0.7)
    assert [(one.family, one.generator, one.machine, one.human) for one in found] == [
        ("news", "all", 2, 2),
        ("news", "gpt2", 1, 2),
        ("news", "opt", 1, 2),
        ("posts", "all", 1, 1),
        ("posts", "gpt2 (b)", 1, 1),
    ]
    assert [one.auroc for one in found] == [0.75, 0.5, 1.0, 0.0, 0.0]
    assert [one.found for one in found] == [0.5, 0.0, 1.0, 0.0, 0.0]
    assert [one.wrongly for one in found] == [0.5, 0.5, 0.5, 0.0, 0.0]


def test_without_a_threshold_nothing_is_found() -> None:
    [whole, _] = by_generator([sample("human"), sample("machine")], np.array([0.0, 1.0]))
    assert (whole.auroc, whole.found, whole.wrongly) == (1.0, None, None)


def test_the_mean_over_an_authors_posts_tells_more_than_one_post() -> None:
    random = np.random.default_rng(3)
    samples, logits = [], []
    for author in range(12):
        label = "machine" if author % 2 else "human"
        for _ in range(40):
            samples.append(sample(label, author=f"a{author}"))
            logits.append(random.normal(0.5 if author % 2 else -0.5, 1.0))
    found = by_author(samples, np.array(logits), seed=0)
    assert [(one.posts, one.machine, one.human) for one in found] == [(n, 6, 6) for n in (1, 5, 10, 25)]
    assert [one.auroc for one in found] == sorted(one.auroc for one in found)
    assert found[0].auroc == pytest.approx(0.76, abs=0.05)
    assert found[-1].auroc > 0.99


def test_authors_count_alike_however_much_they_post() -> None:
    samples = [sample("human", author="few")] * 5 + [sample("human", author="many")] * 500
    samples += [sample("machine", author="bot")] * 5
    [single, *_] = by_author(samples, np.array([1.0] * 5 + [-1.0] * 500 + [0.0] * 5), seed=0)
    assert single.auroc == 0.5


def test_authors_of_one_label_alone_can_not_be_compared() -> None:
    assert by_author([sample("human", author="a")] * 9, np.zeros(9), seed=0) == []


def test_each_source_of_human_texts_is_counted_apart() -> None:
    samples = [
        sample("human", "web:a"),
        sample("human", "web:b"),
        sample("human", "web:b"),
        sample("machine"),
    ]
    found = by_human_source(samples, np.array([False, False, True, True]))
    assert [(one.source, one.human, one.wrongly) for one in found] == [("web:a", 1, 0.0), ("web:b", 2, 0.5)]


def test_lengths_are_measured_apart() -> None:
    unseen = Unseen(
        logits=np.array([0.0, 1.0, 3.0, 0.5, 2.0]),
        machine=np.array([False, True, True, False, True]),
        families=np.full(5, "news"),
        tokens=np.array([12, 12, 14, 45, 59]),
        weights=np.ones(5),
    )
    short, longer = by_lengths(unseen, unseen.logits > 1.5)
    assert (short.from_tokens, short.machine, short.human, short.auroc) == (10, 2, 1, 1.0)
    assert (short.found, short.wrongly) == (0.5, 0.0)
    assert (longer.from_tokens, longer.machine, longer.human, longer.found) == (40, 1, 1, 1.0)


def test_logits_of_many_texts_are_in_order() -> None:
    assert logits_of(ConstantDetector(), ["a"] * 2_500).shape == (2_500,)
    assert logits_of(ConstantDetector(), []).shape == (0,)
