"""A click group that imports a command only once it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """A group whose `--help` imports none of its commands.

    Args:
        package: where the commands are: command `name` is `name` in the module `package.name`.
        summaries: the line that the group's help shows for each name.
        rest: what `click.Group` takes.
    """

    def __init__(self, *rest: Any, package: str, summaries: Mapping[str, str], **named: Any) -> None:
        super().__init__(*rest, **named)
        self._package = package
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of declaration."""
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command itself, imported now; None for an unknown name."""
        if cmd_name not in self._summaries:
            return None
        command = getattr(import_module(f"{self._package}.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake of this project, not of its user
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the names and their lines."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))
