"""What is decided about a text before a model is asked: from the seed and the text's number alone."""

from __future__ import annotations

import math
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from worker.errors import SettingsError
from worker.lab.generation.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.generation.prompts import Prompt

# 48 bits: a JSON reader that keeps numbers as doubles still reads the same seed.
_SEED_BYTES: Final = 6


class Recipe(Struct, frozen=True, kw_only=True):
    """How texts are made.

    Attributes:
        seed: of everything that is drawn.
        samplings: one of them is drawn for each text, each with the same chance; one that stands twice, with
            twice the chance.
        temperature: logits are divided by it.
        new_tokens: the fewest and the most tokens that a text may grow by; the number is drawn log-uniformly.
        prompt_tokens: how many tokens of a prompt's text are the prompt.
        prompt_in_text: whether a text begins with its prompt.
        source: what the lines call their source; None for the prompts' own.
    """

    seed: int = 0
    samplings: tuple[Sampling, ...] = (Sampling(),)
    temperature: float = 1.0
    new_tokens: tuple[int, int] = (200, 200)
    prompt_tokens: int = 30
    prompt_in_text: bool = True
    source: str | None = None


class Draft(NamedTuple):
    """What is decided for one text.

    Attributes:
        number: which of the texts it is, from 0.
        seed: of its tokens.
        sampling: how they are drawn.
        most_new_tokens: after how many it is cut.
    """

    number: int
    seed: int
    sampling: Sampling
    most_new_tokens: int


def draft(recipe: Recipe, number: int) -> Draft:
    """What the recipe says of text `number`, whichever other texts there are."""
    seed = int.from_bytes(_digest(recipe.seed, str(number), _SEED_BYTES), "big")
    random = Random(seed)  # noqa: S311 - it chooses words, it guards nothing
    sampling = random.choice(recipe.samplings)
    fewest, most = recipe.new_tokens
    drawn = math.exp(random.uniform(math.log(fewest), math.log(most + 1)))
    return Draft(number, seed, sampling, min(max(int(drawn), fewest), most))


def shuffled(prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    """The prompts in an order that the seed decides, and not their order in a file."""
    return sorted(prompts, key=lambda prompt: (_digest(seed, prompt.text, 16), prompt.text))


def parse_new_tokens(text: str) -> tuple[int, int]:
    """The fewest and the most new tokens that `60` or `16:200` name.

    Raises:
        SettingsError: it names no such numbers.
    """
    fewest, colon, most = text.partition(":")
    if not colon:
        most = fewest
    # As digits alone: int() takes signs, spaces and underlines too.
    ends = [int(end) for end in (fewest, most) if end.isascii() and end.isdecimal()]
    if len(ends) != 2 or not 1 <= ends[0] <= ends[1]:  # noqa: PLR2004 - one is no number
        raise SettingsError(f"generate: --tokens {text!r} is no length; it is 60, or 16:200 for 16 to 200")
    return ends[0], ends[1]


def _digest(seed: int, what: str, size: int) -> bytes:
    return blake2b(what.encode(), digest_size=size, salt=seed.to_bytes(8, "big"), person=b"generate").digest()
