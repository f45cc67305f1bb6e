"""A rewriting of human texts, to see whether it changes what a detector says of them."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Rewriting(NamedTuple):
    """A way to rewrite texts.

    Attributes:
        kind: `swap`: other terms in their place; `probe`: features of a way to write put in.
        of: what it is about.
        name: a short name.
        what: what it does, one sentence.
        change: from a canonical text to the rewritten one, all chance coming from the generator.
    """

    kind: Literal["swap", "probe"]
    of: str
    name: str
    what: str
    change: Callable[[str, Random], str]


class Rule(NamedTuple):
    """What is replaced by what.

    Attributes:
        pattern: a regular expression.
        replacement: a template, or what makes the replacement.
        share: the chance of each match to be replaced.
    """

    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    share: float = 1.0


def rule(
    pattern: str, replacement: str | Callable[[re.Match[str]], str], *, share: float = 1.0, case: bool = False
) -> Rule:
    """A rule whose pattern passes over case, unless `case`."""
    return Rule(re.compile(pattern, 0 if case else re.IGNORECASE), replacement, share)


def by_rules(rules: Sequence[Rule]) -> Callable[[str, Random], str]:
    """A change that applies rules, one after another."""

    def change(text: str, random: Random) -> str:
        for one in rules:
            text = _applied(one, text, random)
        return text

    return change


def rewritten(rewriting: Rewriting, text: str, seed: int) -> str:
    """The rewritten text. It depends on the text, the rewriting and the seed alone."""
    key = f"{seed} {rewriting.of} {rewriting.name} {text}"
    return rewriting.change(text, Random(key))  # noqa: S311 - it guards nothing


def edits_between(before: str, after: str) -> int:
    """In how many places the words of two texts differ."""
    matcher = SequenceMatcher(None, before.split(" "), after.split(" "), autojunk=False)
    return sum(tag != "equal" for tag, *_ in matcher.get_opcodes())


def _applied(one: Rule, text: str, random: Random) -> str:
    replacement = one.replacement

    def change(match: re.Match[str]) -> str:
        if random.random() >= one.share:
            return match[0]
        new = match.expand(replacement) if isinstance(replacement, str) else replacement(match)
        return new[:1].upper() + new[1:] if match[0][:1].isupper() else new

    return one.pattern.sub(change, text)
