"""`flagstaff schema`: the schemas of the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click
import yaml

from worker.asyncapi import asyncapi
from worker.errors import FlagstaffError
from worker.schemas import schemas

_ASYNCAPI: Final = "asyncapi"


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice, and lines as lines."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Whatever occurs twice is written twice."""
        return True


def _as_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _as_text)


def documents() -> dict[str, str]:
    """Every document by its file's name, as it stands in the file."""
    files = {f"{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}
    document = yaml.dump(asyncapi(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return {**files, f"{_ASYNCAPI}.yaml": document}


@click.command("schema")
@click.argument("name", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write files instead."
)
def schema(*, name: str | None, out: Path | None) -> None:
    """Print the schema NAME, as flag or dead-letter-headers, or asyncapi; a wrong name gets them all named.

    Without a name, print the AsyncAPI document, which holds all but the policy's; with --out write all files.
    """
    files = {Path(file).stem: (file, text) for file, text in documents().items()}
    if name is not None and name not in files:
        raise click.BadParameter(f"{name!r} is none of {', '.join(files)}", param_hint="NAME")
    if out is None:
        click.echo(files[name or _ASYNCAPI][1], nl=False)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, text in files.values() if name is None else [files[name]]:
            (out / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FlagstaffError(f"schema: can't write to {out}: {error}") from None
