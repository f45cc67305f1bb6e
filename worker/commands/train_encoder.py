"""What `flagstaff train --kind encoder` takes and does."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from worker.commands.progress import progress
from worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_COUNT: Final = click.IntRange(min=1)
_SHARE: Final = click.FloatRange(0.0, 1.0, max_open=True)
_WEIGHT: Final = click.FloatRange(min=0.0)

_OPTIONS: Final = (
    click.option(
        "--base", help="Encoder to begin with: minilm, a directory, or a hub id.  [default: minilm]"
    ),
    click.option("--revision", metavar="COMMIT", help="The commit of a hub id, 40 hexadecimal digits."),
    click.option(
        "--adapter-rank", type=_COUNT, help="Train low-rank adapters (LoRA) of this rank, and the head."
    ),
    click.option("--freeze", is_flag=True, help="Train the head alone."),
    click.option("--keep-adapter", is_flag=True, help="Write the adapters, and not the whole model."),
    click.option(
        "--preparation",
        type=click.Choice(["masked-links", "plain"]),
        help="What is done to texts, here and in the worker.  [default: masked-links]",
    ),
    click.option("--max-tokens", type=click.IntRange(min=8), help="Most tokens of a text.  [default: 256]"),
    click.option(
        "--sampling-method", "sampling_methods", multiple=True, help="Of machine texts; repeatable."
    ),
    click.option("--generator", "generators", multiple=True, help="Of machine texts; repeatable."),
    click.option("--source", "sources", multiple=True, help="Source or family of texts; repeatable."),
    click.option("--per-author", type=_COUNT, help="Most texts of one author in an epoch."),
    click.option(
        "--epoch-texts", type=_COUNT, help="Texts drawn in an epoch.  [default: as many as there are]"
    ),
    click.option(
        "--crop-share", type=click.FloatRange(0, 1), help="How often a text is cut.  [default: 0.5]"
    ),
    click.option("--token-dropout", type=_SHARE, help="How often a token is hidden.  [default: 0.1]"),
    click.option(
        "--validation",
        type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
        help="Share of authors, documents and other texts, of what is not held out, that chooses the best "
        "weights.  [default: 0.15]",
    ),
    click.option("--validation-texts", type=_COUNT, help="Most texts to validate on.  [default: 2000]"),
    click.option("--epochs", type=_COUNT, help="Rounds through the texts.  [default: 3]"),
    click.option("--max-steps", type=_COUNT, help="End after so many steps, if that is sooner."),
    click.option(
        "--max-minutes",
        type=click.FloatRange(min=0, min_open=True),
        help="End after so many minutes, if that is sooner.",
    ),
    click.option("--batch-texts", type=_COUNT, help="Texts of a step.  [default: 32]"),
    click.option("--batch-tokens", type=_COUNT, help="Tokens at once through the model.  [default: 8192]"),
    click.option(
        "--learning-rate",
        type=click.FloatRange(min=0, min_open=True),
        help="The highest.  [default: 5e-5; for adapters 5e-4, with --freeze 1e-3]",
    ),
    click.option("--weight-decay", type=_WEIGHT, help="AdamW's.  [default: 0.01]"),
    click.option(
        "--warmup", type=_SHARE, help="Share of the training in which the rate rises.  [default: 0.06]"
    ),
    click.option(
        "--clip", type=click.FloatRange(min=0, min_open=True), help="Of the gradient.  [default: 1.0]"
    ),
    click.option(
        "--precision", type=click.Choice(["float32", "bfloat16"]), help="To compute in.  [default: float32]"
    ),
    click.option("--evaluate-every", type=_COUNT, help="Steps between validations.  [default: an epoch's]"),
    click.option(
        "--patience", type=_COUNT, help="Validations without a better one until it ends.  [default: 5]"
    ),
    click.option("--distil", type=_FILE, metavar="FILE", help="A teacher's logits, as JSON lines."),
    click.option(
        "--distil-weight", type=click.FloatRange(0, 1), help="Of the teacher's word.  [default: 0.5]"
    ),
    click.option("--adversarial-authors", type=_WEIGHT, help="Weight of unlearning authors.  [default: 0]"),
    click.option("--contrastive", type=_WEIGHT, help="Weight of the contrastive loss.  [default: 0]"),
    click.option("--save-every", type=_COUNT, help="Steps between saved states.  [default: 200]"),
    click.option("--cpu", is_flag=True, help="Stay on the CPU."),
    click.option("--restart", is_flag=True, help="Begin anew, whatever was begun or done there."),
)
# What is no part of a recipe.
_SAVE_EVERY: Final = 200
_DISTIL_WEIGHT: Final = 0.5
_MINILM: Final = "minilm"


def encoder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that only an encoder has; what is not given is None, () or False."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_none_given(given: dict[str, Any]) -> None:
    """Makes sure that none of the options was given.

    Raises:
        UsageError: one was.
    """
    if names := [name for name, value in given.items() if _is_given(value)]:
        raise click.UsageError(f"--{_option_of(names[0])} is for --kind encoder")


def run_encoder(  # noqa: PLR0913 - what all kinds share, and the rest
    *,
    data: tuple[Path, ...],
    out: Path,
    name: str,
    hold_out: float,
    held_out: Path | None,
    seed: int,
    given: dict[str, Any],
) -> None:
    """Trains an encoder as the options say.

    Args:
        data: files of labelled texts.
        out: the directory to write.
        name: a short name.
        hold_out: share that takes no part.
        held_out: where those texts go, or None.
        seed: of everything.
        given: what the options of `encoder_options` were given.
    """
    # Imported here: torch and what stands on it take seconds, and a mistake in the arguments is told before.
    from worker.lab.encoder.loop import Reporter  # noqa: PLC0415
    from worker.lab.encoder.recipe import Recipe, usual_learning_rate  # noqa: PLC0415
    from worker.lab.encoder.training import Order, train_encoder  # noqa: PLC0415

    command = _command_line(data, out, name, hold_out, seed, given | {"held_out": held_out})
    given = {key: value for key, value in given.items() if _is_given(value)}
    if given.get("freeze") and "adapter_rank" in given:
        raise SettingsError("train: --freeze and --adapter-rank exclude each other; give one of them")
    if given.get("keep_adapter") and "adapter_rank" not in given:
        raise SettingsError("train: --keep-adapter needs adapters; give --adapter-rank too")
    if "distil_weight" in given and "distil" not in given:
        raise SettingsError("train: --distil-weight needs a teacher; give --distil too")
    teacher: Path | None = given.pop("distil", None)
    distil = given.pop("distil_weight", _DISTIL_WEIGHT) if teacher is not None else 0.0
    order_only = {key: given.pop(key, None) for key in ("keep_adapter", "cpu", "restart")}
    save_every = given.pop("save_every", _SAVE_EVERY)
    usual = usual_learning_rate(adapter_rank=given.get("adapter_rank", 0), freeze=given.get("freeze", False))
    recipe = msgspec.convert(
        {"base": _MINILM, "learning_rate": usual}
        | given
        | {"name": name, "hold_out": hold_out, "seed": seed, "distil": distil},
        Recipe,
    )
    order = Order(
        recipe=recipe,
        data=data,
        teacher=teacher,
        out=out,
        held_out=held_out,
        keep_adapter=bool(order_only["keep_adapter"]),
        save_every=save_every,
        cpu=bool(order_only["cpu"]),
        restart=bool(order_only["restart"]),
        command=command,
    )
    outcome = train_encoder(
        order,
        Reporter(say=lambda line: click.echo(line, err=True), steps=lambda total: progress("steps", total)),
    )
    click.echo(
        f"encoder detector {name!r} is in {out}: {outcome.progress.step} steps, ended by {outcome.ended_by}; "
        "not calibrated yet (`flagstaff calibrate`)",
        err=True,
    )


def _command_line(  # noqa: PLR0913, PLR0917 - all that a command line holds
    data: Sequence[Path], out: Path, name: str, hold_out: float, seed: int, given: dict[str, Any]
) -> str:
    command = ["flagstaff", "train", "--kind", "encoder", "--name", name]
    command += [part for path in data for part in ("--data", path.name)]
    for key, value in given.items():
        if value is True:
            command.append(f"--{_option_of(key)}")
        elif isinstance(value, tuple):
            command += [part for one in value for part in (f"--{_option_of(key)}", one)]
        elif _is_given(value):
            command += [f"--{_option_of(key)}", value.name if isinstance(value, Path) else str(value)]
    command += ["--hold-out-authors", str(hold_out), "--seed", str(seed), "--out", out.name]
    return shlex.join(command)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _option_of(key: str) -> str:
    plural = {"sampling_methods": "sampling-method", "generators": "generator", "sources": "source"}
    return plural.get(key, key.replace("_", "-"))
