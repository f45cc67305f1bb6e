"""The sizes of the models that are measured, and what a pass through them costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Shape(NamedTuple):
    """An encoder's sizes.

    Attributes:
        family: whose modelling code it runs on.
        layers: how many.
        width: of the hidden state.
        inner_width: of the feed-forward layers.
        heads: attention heads a layer.
        positions: rows of the position table.
        vocabulary: tokens that it knows.
        weight_spread: standard deviation of the random weights.
    """

    family: Literal["Roberta", "Bert"]
    layers: int
    width: int
    inner_width: int
    heads: int
    positions: int
    vocabulary: int
    weight_spread: float = 0.02

    def operations(self, lengths: Iterable[int]) -> float:
        """Floating-point operations of a whole pass over texts of these lengths in tokens.

        Padding does not count, and of the rest the matrix products alone do: four square ones and two
        feed-forward ones a layer and token, each token's attention to its own text, and the classifier on a
        text's first token.
        """
        lengths = list(lengths)
        tokens = sum(lengths)
        linear = 2 * (4 * self.width**2 + 2 * self.width * self.inner_width) * tokens
        attention = sum(2 * 2 * length**2 * self.width for length in lengths)
        classifier = 2 * self.width**2 * len(lengths)
        return float(self.layers * (linear + attention) + classifier)


SHAPES: Final = {
    "roberta-base": Shape("Roberta", 12, 768, 3072, 12, 514, 50_265),
    "roberta-large": Shape("Roberta", 24, 1024, 4096, 16, 514, 50_265),
    "minilm": Shape("Bert", 6, 384, 1536, 12, 512, 30_522),
    # For tests. Weights of the usual spread would give logits of nearly zero in so small a model.
    "tiny": Shape("Roberta", 2, 32, 64, 2, 514, 2_000, weight_spread=0.5),
}
