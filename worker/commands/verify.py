"""`flagstaff verify`: whether a replay's or a backtest's outputs are those that its manifest names."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from worker.replay.manifest import verify as check
from worker.replay.signature import public_key


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PUBLIC.pem",
    help="Whose Ed25519 signature the manifest must have.",
)
def verify(folder: Path, *, key: Path | None) -> None:
    """Check a replay's or a backtest's outputs in FOLDER against its manifest, and the signature.

    Without --key anyone could have changed outputs and manifest together. Exit codes: 0: all is as it was
    written; 1: something was changed, is missing or wrongly signed: a line each; 2: wrong usage.
    """
    found = check(folder, public_key(key) if key is not None else None)
    for problem in found.problems:
        click.echo(f"flagstaff: verify: {problem}", err=True)
    for name in found.unnamed:
        click.echo(f"verify: {folder / name}: the manifest does not name it", err=True)
    if found.problems:
        sys.exit(1)
    signature = "signature right" if found.signature_checked else "signature not checked (--key)"
    if not found.signed:
        signature = "not signed"
    click.echo(f"{found.outputs} files are as the manifest says; {signature}")
