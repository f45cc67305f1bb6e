from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.unit.lab.generation.test_file import made
from worker.lab.generation.summary import GenerationSummary, summarise

if TYPE_CHECKING:
    from worker.lab.generation.lines import GeneratedText


def text(
    words: str, *, sampling: str = "top_k=40", prompt: str = "", ended: bool = False, tokens: int = 9
) -> GeneratedText:
    one = made(0)
    generation = msgspec.structs.replace(
        one.generation,
        prompt="digest" if prompt else None,
        prompt_chars=len(prompt),
        ended=ended,
        new_tokens=tokens,
    )
    return msgspec.structs.replace(one, text=prompt + words, sampling=sampling, generation=generation)


def test_figures_are_those_of_a_count_by_hand() -> None:
    # Four words twice: five runs of four words, one of which was there before.
    summary = summarise([text("a b c d A B C D", ended=True, tokens=10), text("a b", tokens=20)])
    figures = summary.all
    assert (figures.texts, figures.empty, figures.ended) == (2, 0, 0.5)
    assert figures.repeated_4_grams == pytest.approx(1 / 5)
    # Runs of one: 10, of which 4 differ; of two: 7 + 1, ab bc cd da; of three: 6, abc bcd cda dab.
    assert figures.distinct == pytest.approx({"1": 4 / 10, "2": 4 / 8, "3": 4 / 6})
    assert figures.new_tokens["p50"] == 15


def test_prompts_do_not_count() -> None:
    summary = summarise([text("x y z w", prompt="x y z w "), text("v")])
    assert summary.prompt_texts == 1
    assert summary.all.repeated_4_grams == 0
    assert summary.all.distinct["1"] == 1


def test_methods_are_told_apart() -> None:
    summary = summarise([text("a b"), text("a b", sampling="temperature=1"), text("a b")])
    assert {name: figures.texts for name, figures in summary.by_sampling.items()} == {
        "temperature=1": 1,
        "top_k=40": 2,
    }
    assert summary.by_sampling["top_k=40"].distinct["1"] == 0.5


def test_texts_without_words_have_no_shares() -> None:
    figures = summarise([text(" ", tokens=1)]).all
    assert (figures.empty, figures.repeated_4_grams) == (1, None)
    assert figures.distinct == {"1": None, "2": None, "3": None}


def test_a_summary_is_read_back() -> None:
    summary = summarise([text("a b c d e")])
    assert msgspec.json.decode(msgspec.json.encode(summary), type=GenerationSummary) == summary


def test_no_texts_are_no_summary() -> None:
    with pytest.raises(ValueError, match="no texts"):
        summarise([])
