"""From texts to what the model reads: cut, prepared, tokenised, some tokens hidden."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.detector.preparation import prepare
from worker.lab.cropping import cropped
from worker.text import text_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.lab.corpus import Sample
    from worker.lab.encoder.recipe import Recipe


class Example(NamedTuple):
    """A text as the model reads it.

    Attributes:
        tokens: their ids.
        machine: whether a machine wrote it.
        author: its author's number, -1 for none or one who does not count.
        teacher: the log-odds that a teacher gave this text, None where it gave none.
    """

    tokens: list[int]
    machine: bool
    author: int = -1
    teacher: float | None = None


class ExampleMaker:
    """Makes examples, each of them the same for a seed, an epoch and a place in it.

    Args:
        tokenizer: a fast transformers tokenizer.
        recipe: how they are made.
        authors: the number of each author that counts.
        teacher: what a teacher said of whole texts, by their digest.
    """

    def __init__(
        self, tokenizer: Any, recipe: Recipe, authors: Mapping[str, int], teacher: Mapping[str, float]
    ) -> None:
        self._tokenizer = tokenizer
        self._recipe = recipe
        self._authors = authors
        self._teacher = teacher

    def training(self, samples: Sequence[Sample], epoch: int, first: int) -> list[Example]:
        """Examples to learn from.

        Args:
            samples: the texts that stand beside each other in the epoch.
            epoch: which one.
            first: the place of the first of them in it.
        """
        randoms = [Random(f"{self._recipe.seed} {epoch} {first + at}") for at in range(len(samples))]  # noqa: S311 - it guards nothing
        pieces = [self._piece(sample, random) for sample, random in zip(samples, randoms, strict=True)]
        examples = self.plain(pieces)
        return [
            example._replace(tokens=self._with_hidden(example.tokens, random))
            for example, random in zip(examples, randoms, strict=True)
        ]

    def plain(self, samples: Sequence[Sample]) -> list[Example]:
        """The texts as they are, cut only at the end."""
        tokenised = self._tokenizer(
            [prepare(sample.text, self._recipe.preparation) for sample in samples],
            truncation=True,
            max_length=self._recipe.max_tokens,
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return [
            Example(
                # A tokenizer may add nothing, and the model needs something to see.
                tokens=tokens or [self._tokenizer.unk_token_id or 0],
                machine=sample.is_machine,
                author=self._authors.get(sample.author or "", -1),
                teacher=self._teacher.get(text_digest(sample.text)) if self._teacher else None,
            )
            for sample, tokens in zip(samples, tokenised.input_ids, strict=True)
        ]

    def _piece(self, sample: Sample, random: Random) -> Sample:
        piece = cropped(sample, random) if random.random() < self._recipe.crop_share else None
        return piece or sample

    def _with_hidden(self, tokens: list[int], random: Random) -> list[int]:
        """Token dropout (Solaiman et al. 2019, "Release strategies"): the mask in place of some tokens."""
        share = self._recipe.token_dropout
        if not share:
            return tokens
        keep = set(self._tokenizer.all_special_ids)
        mask = self._tokenizer.mask_token_id
        seen: list[int] = []
        for token in tokens:
            if token in keep or random.random() >= share:
                seen.append(token)
            elif mask is not None:
                seen.append(mask)
        return seen or tokens
