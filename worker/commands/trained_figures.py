"""The table that `flagstaff train` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from worker.detector.calibration import Calibration
    from worker.lab.measuring import Comparison, LengthComparison


def show_figures(calibration: Calibration, measured: dict[str, Any]) -> None:
    """Prints what a training measured, as a table.

    Args:
        calibration: with a threshold and its bound.
        measured: figures, by what they were measured on.
    """
    click.echo(
        f"threshold {calibration.threshold:.4f}, at most {calibration.false_positive_bound:.2%} of human "
        f"texts above it; {calibration.min_tokens} to {calibration.max_tokens} tokens"
    )
    for where, figures in measured.items():
        click.echo(f"\n{where}")
        click.echo(f"  {'family':20} {'generator':58} {'machine':>7} {'human':>6}  AUROC  found  wrongly")
        for one in figures["texts"]:
            _row(one.family, one.generator, one)
        for one in figures["humans"]:
            click.echo(f"  {one.source:20} {'humans alone':58} {'':7} {one.human:6} {one.wrongly:23.1%}")
        for one in figures["lengths"]:
            _row("of all", f"from {one.from_tokens} tokens", one)
        for one in figures["authors"]:
            click.echo(
                f"  mean of {one.posts:2} posts, {one.machine} machine and {one.human} human authors: "
                f"AUROC {one.auroc:.3f}"
            )


def _row(family: str, generator: str, one: Comparison | LengthComparison) -> None:
    click.echo(
        f"  {family:20} {generator:58} {one.machine:7} {one.human:6}  {one.auroc:.3f}"
        f"  {one.found:5.1%}  {one.wrongly:7.1%}"
    )
