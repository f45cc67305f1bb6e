"""What an attack is: a change of a text that its readers would hardly mind."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Attack(NamedTuple):
    """A way to change texts.

    Attributes:
        name: a short name.
        what: what it does, one sentence.
        change: from a canonical text to the attacked one, all chance coming from the generator.
    """

    name: str
    what: str
    change: Callable[[str, Random], str]


def attacked(attack: Attack, text: str, seed: int) -> str:
    """The attacked text. It depends on the text, the attack and the seed alone, not on other texts."""
    return attack.change(text, Random(f"{seed} {attack.name} {text}"))  # noqa: S311 - it guards nothing
