"""What a training goes on from after it was stopped: tensors and plain values, written whole or not at all.

Draws, crops and dropout follow from the seed and the step: no random generator's state has to be kept.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from worker.errors import DetectorError, SettingsError
from worker.lab.encoder.recipe import Recipe
from worker.lab.encoder.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

FOLDER: Final = ".training"
_PROGRESS: Final = "progress.json"
_WEIGHTS: Final = "weights.safetensors"
_OPTIMISER: Final = "optimiser.safetensors"
_UNFINISHED: Final = "unfinished"
_UNFINISHED_BEST: Final = "unfinished.safetensors"
_STEP: Final = "step-{:09d}"
_BEST: Final = "best-{:09d}.safetensors"


class Inputs(Struct, frozen=True, kw_only=True):
    """What a training must find unchanged to go on.

    Attributes:
        recipe: how it trains.
        files: sha256 of each file of labelled texts and of the teacher's, by name.
        base: sha256 of the encoder's weights.
        processes: how many train together.
    """

    recipe: Recipe
    files: dict[str, str]
    base: str
    processes: int = 1

    def differing(self, other: Inputs) -> list[str]:
        """The names of what differs."""
        parts = self.recipe.differing(other.recipe)
        parts += ["data"] if self.files != other.files else []
        parts += ["the encoder's weights"] if self.base != other.base else []
        return parts + (["processes"] if self.processes != other.processes else [])


class Progress(Struct, frozen=True, kw_only=True):
    """How far a training is.

    Attributes:
        inputs: what it trains with.
        step: steps that are done.
        minutes: that they took.
        loss: sum over the texts since the last validation.
        texts: how many those were.
        history: the validations so far.
    """

    inputs: Inputs
    step: int = 0
    minutes: float = 0.0
    loss: float = 0.0
    texts: int = 0
    history: tuple[Validation, ...] = ()


class Saved(NamedTuple):
    """A training that was stopped.

    Attributes:
        progress: how far it is.
        weights: what it has learned, by name.
        optimiser: AdamW's state, by parameter and name.
    """

    progress: Progress
    weights: dict[str, Tensor]
    optimiser: dict[str, Tensor]


def read_state(out: Path, inputs: Inputs) -> Saved | None:
    """The training that a directory holds; None where it holds none.

    Raises:
        SettingsError: it was begun with another recipe or other data.
        DetectorError: it can't be read.
    """
    folder = out / FOLDER
    steps = sorted(folder.glob("step-*"))
    if not steps:
        return None
    try:
        progress = msgspec.json.decode((steps[-1] / _PROGRESS).read_bytes(), type=Progress)
        weights, optimiser = load_file(steps[-1] / _WEIGHTS), load_file(steps[-1] / _OPTIMISER)
    except (OSError, SafetensorError, msgspec.MsgspecError) as error:
        raise DetectorError(f"train: {steps[-1]} is broken ({error}); begin anew with --restart") from None
    if differing := inputs.differing(progress.inputs):
        raise SettingsError(
            f"train: {folder} holds a training that was begun with another recipe (it differs in "
            f"{', '.join(differing)}); give the same command to go on with it, or --restart to begin anew"
        )
    return Saved(progress, weights, optimiser)


def write_state(
    out: Path, progress: Progress, weights: dict[str, Tensor], optimiser: dict[str, Tensor]
) -> None:
    """Puts a state in the place of the one before: a kill at any moment leaves one of the two.

    Raises:
        DetectorError: it can't be written.
    """
    folder = out / FOLDER
    new = folder / _UNFINISHED
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        save_file(weights, new / _WEIGHTS)
        save_file(optimiser, new / _OPTIMISER)
        (new / _PROGRESS).write_bytes(msgspec.json.encode(progress))
        place = folder / _STEP.format(progress.step)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
        for old in folder.glob("step-*"):
            if old != place:
                shutil.rmtree(old)
        top = max(progress.history, key=lambda one: one.auroc, default=None)
        for old in folder.glob("best-*"):
            if top is None or old.name != _BEST.format(top.step):
                old.unlink()
    except OSError as error:
        raise DetectorError(f"train: can't write to {folder}: {error}") from None


def write_best(out: Path, step: int, weights: dict[str, Tensor]) -> None:
    """Keeps the weights of a step beside the states.

    Raises:
        DetectorError: they can't be written.
    """
    folder = out / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / _UNFINISHED_BEST)
        (folder / _UNFINISHED_BEST).replace(folder / _BEST.format(step))
    except OSError as error:
        raise DetectorError(f"train: can't write to {folder}: {error}") from None


def read_best(out: Path, step: int) -> dict[str, Tensor]:
    """The weights that were kept of a step.

    Raises:
        DetectorError: they can't be read.
    """
    path = out / FOLDER / _BEST.format(step)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DetectorError(f"train: {path} is broken ({error}); begin anew with --restart") from None


def optimiser_tensors(optimiser: Any, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """AdamW's state as tensors, named after the parameters."""
    return {
        f"{name}|{what}": value.detach().cpu()
        for name, one in parameters.items()
        for what, value in optimiser.state.get(one, {}).items()
    }


def restore_optimiser(
    optimiser: Any, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Gives AdamW the state that those tensors are."""
    for key, value in tensors.items():
        name, _, what = key.rpartition("|")
        one = parameters[name]
        # Its count of steps stays where AdamW keeps it: on the CPU.
        optimiser.state[one][what] = value.clone() if what == "step" else value.to(one.device, copy=True)
