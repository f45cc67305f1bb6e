"""What `flagstaff train --kind stacked` takes: members, and groups of generators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from worker.lab.linear_parts import LinearPart
from worker.lab.stacked_training import StackRecipe
from worker.lab.stacking import REST, Combination, GeneratorGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FOLDER: Final = click.Path(path_type=Path, file_okay=False)
_ALL: Final = "all"


class _Linear(click.ParamType[LinearPart]):
    """`all` or a number of words, and `:GROUP+GROUP` where it learns some groups of generators alone."""

    name = "WORDS[:GROUP+...]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> LinearPart:
        words, colon, named = value.partition(":")
        groups = tuple(named.split("+")) if colon else ()
        if words != _ALL and not (words.isascii() and words.isdecimal()):
            self.fail(f"{value!r}: {_ALL} or the number of words that stay is wanted", param, ctx)
        if "" in groups:
            self.fail(f"{value!r}: a group has no name", param, ctx)
        return LinearPart(keep_words=None if words == _ALL else int(words), groups=groups)


class _Group(click.ParamType[GeneratorGroup]):
    """A name, and the generators that it stands for."""

    name = "NAME=GENERATOR,..."

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> GeneratorGroup:
        name, _, generators = value.partition("=")
        named = tuple(part for part in generators.split(",") if part)
        if not name or not named:
            self.fail(f"{value!r}: give it as NAME=GENERATOR,GENERATOR", param, ctx)
        if name == REST:
            self.fail(f"{value!r}: {REST} is the name of all other generators; choose another", param, ctx)
        return GeneratorGroup(name=name, generators=named)


_OPTIONS: Final = (
    click.option(
        "--member",
        "member",
        type=_FOLDER,
        multiple=True,
        help="Directory of a trained detector to combine; may be repeated. For --kind stacked.",
    ),
    click.option(
        "--linear",
        "linear",
        type=_Linear(),
        multiple=True,
        help="A linear member to train on the same texts; may be repeated: `all`, or how many words stay "
        "(--keep-words), and after a colon which groups of generators it learns; without one all. For "
        "--kind stacked.",
    ),
    click.option(
        "--group",
        "group",
        type=_Group(),
        multiple=True,
        help="A group of generators that gets a weighted sum of its own, as tuned=gpt-3.5-turbo,gpt-4; all "
        f"others are the group `{REST}`. May be repeated. For --kind stacked.",
    ),
)
NAMES: Final = ("member", "linear", "group")


def stacked_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that only a stack has."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def stack_recipe(  # noqa: PLR0913 - what all kinds share, and a stack's own
    *,
    name: str,
    hold_out: float,
    languages: tuple[str, ...],
    seed: int,
    linear: tuple[LinearPart, ...],
    groups: tuple[GeneratorGroup, ...],
) -> StackRecipe:
    """The recipe that the options ask for.

    Raises:
        UsageError: a member's group is not among the groups, or a generator or a name stands in two.
    """
    names = [group.name for group in groups]
    _check_once(names, "name")
    _check_once([one for group in groups for one in group.generators], "generator")
    for part in linear:
        for group in part.groups:
            if group not in {REST, *names}:
                raise click.UsageError(
                    f"--linear names the group {group!r}; say which generators it has: "
                    f"--group {group}=NAME,NAME"
                )
    return StackRecipe(
        name=name,
        parts=linear,
        combination=Combination(groups=groups),
        hold_out=hold_out,
        languages=languages,
        seed=seed,
    )


def in_words(linear: Sequence[LinearPart], groups: Sequence[GeneratorGroup]) -> list[str]:
    """The two options as they stand on a command line."""
    words: list[str] = []
    for part in linear:
        kept = _ALL if part.keep_words is None else str(part.keep_words)
        words += ["--linear", f"{kept}:{'+'.join(part.groups)}" if part.groups else kept]
    for group in groups:
        words += ["--group", f"{group.name}={','.join(group.generators)}"]
    return words


def _check_once(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise click.UsageError(f"--group: the {what} {name!r} stands there twice")
