"""Figures of generated texts, for a generator's card."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from worker.lab.generation.lines import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.lab.generation.lines import GeneratedText

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_REPEATED: Final = 4
_DISTINCT: Final = (1, 2, 3)


class GeneratedFigures(Struct, frozen=True, kw_only=True):
    """Figures of some texts, without their prompts. Words are what white space separates, in lower case.

    Attributes:
        texts: how many they are.
        empty: how many of them have no word.
        ended: share that the model ended by itself; the others were cut.
        new_tokens: quantiles of their lengths in tokens, by name: `p5`, `p25`, `p50`, `p75`, `p95`.
        repeated_4_grams: share of a text's runs of four words that occur in it before, averaged over the
            texts with four words and more (seq-rep-4; Welleck et al., 2020); null where there are none.
        distinct: different runs of 1, 2 and 3 words as a share of all of them, by length; null where there
            are none (distinct-n; Li et al., 2016). It falls with the number of texts: compare equal ones.
    """

    texts: int
    empty: int
    ended: float
    new_tokens: dict[str, float]
    repeated_4_grams: float | None
    distinct: dict[str, float | None]


class GenerationSummary(Struct, frozen=True, kw_only=True):
    """What was generated and how.

    Attributes:
        schema: name and version of this form.
        parameters: what all texts share.
        prompt_texts: how many texts go on from a prompt.
        all: of all texts.
        by_sampling: of the texts of each sampling method.
    """

    schema: str = "generation-summary.v1"
    parameters: Parameters
    prompt_texts: int
    all: GeneratedFigures
    by_sampling: dict[str, GeneratedFigures]


def summarise(texts: Iterable[GeneratedText]) -> GenerationSummary:
    """The summary of texts that share their parameters.

    Raises:
        ValueError: there are none.
    """
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    whole = _Tally()
    parameters: Parameters | None = None
    prompt_texts = 0
    for text in texts:
        parameters = text.generation.parameters
        prompt_texts += text.generation.prompt is not None
        whole.add(text)
        tallies[text.sampling].add(text)
    if parameters is None:
        raise ValueError("no texts to summarise")
    return GenerationSummary(
        parameters=parameters,
        prompt_texts=prompt_texts,
        all=whole.figures(),
        by_sampling={sampling: tallies[sampling].figures() for sampling in sorted(tallies)},
    )


class _Tally:
    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._ended = self._empty = 0
        self._repeated: list[float] = []
        self._different: dict[int, set[tuple[str, ...]]] = {length: set() for length in _DISTINCT}
        self._runs = dict.fromkeys(_DISTINCT, 0)

    def add(self, text: GeneratedText) -> None:
        words = text.new_text.lower().split()
        self._lengths.append(text.generation.new_tokens)
        self._ended += text.generation.ended
        self._empty += not words
        if fours := _runs(words, _REPEATED):
            self._repeated.append(1 - len(set(fours)) / len(fours))
        for length in _DISTINCT:
            runs = _runs(words, length)
            self._runs[length] += len(runs)
            self._different[length].update(runs)

    def figures(self) -> GeneratedFigures:
        quantiles = np.quantile(self._lengths, _QUANTILES).tolist()
        return GeneratedFigures(
            texts=len(self._lengths),
            empty=self._empty,
            ended=self._ended / len(self._lengths),
            new_tokens={
                f"p{100 * q:g}": round(value, 2) for q, value in zip(_QUANTILES, quantiles, strict=True)
            },
            repeated_4_grams=sum(self._repeated) / len(self._repeated) if self._repeated else None,
            distinct={
                str(length): len(self._different[length]) / self._runs[length] if self._runs[length] else None
                for length in _DISTINCT
            },
        )


def _runs(words: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + length]) for place in range(len(words) - length + 1)]
