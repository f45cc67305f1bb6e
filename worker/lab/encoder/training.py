"""From labelled texts and a recipe to a detector's directory."""

from __future__ import annotations

import shutil
from collections import Counter
from hashlib import file_digest
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from worker.detector.adapter import locate_encoder, weights_digest
from worker.detector.checkpoint import MANIFEST
from worker.detector.weights import weight_files
from worker.errors import DetectorError, SettingsError
from worker.lab.corpus import read_samples
from worker.lab.encoder.adversary import authors_that_count
from worker.lab.encoder.base import open_base
from worker.lab.encoder.distillation import read_teacher
from worker.lab.encoder.examples import ExampleMaker
from worker.lab.encoder.loop import Loop, accelerator_for, silent
from worker.lab.encoder.output import write_detector
from worker.lab.encoder.selection import select
from worker.lab.encoder.state import FOLDER, Inputs
from worker.lab.encoder.trainee import Trainee
from worker.lab.encoder.validation import best
from worker.lab.held_out import write_samples
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from accelerate import Accelerator

    from worker.lab.corpus import Sample
    from worker.lab.encoder.loop import Outcome, Reporter
    from worker.lab.encoder.recipe import Recipe
    from worker.lab.encoder.selection import Selection

_PACKAGES: Final = ("torch", "transformers", "tokenizers", "accelerate", "peft")


class Order(NamedTuple):
    """What is trained, and where it goes.

    Attributes:
        recipe: how.
        data: files of labelled texts.
        teacher: the file with a teacher's word, or None.
        out: the detector's directory; until it is done, the training's state lies in it.
        held_out: where the texts go that take no part, or None.
        keep_adapter: whether adapters are written, and not the whole model.
        save_every: steps between two states.
        cpu: whether to stay on the CPU.
        restart: whether what is there is trained anew.
        command: the command line, for people.
    """

    recipe: Recipe
    data: tuple[Path, ...]
    teacher: Path | None
    out: Path
    held_out: Path | None
    keep_adapter: bool
    save_every: int
    cpu: bool
    restart: bool
    command: str


def train_encoder(order: Order, reporter: Reporter) -> Outcome:
    """Trains an encoder and writes the detector, uncalibrated.

    A training that was stopped goes on after the last state that it wrote; on a CPU its weights are then
    those of one that was not stopped, bit for bit, unless minutes bound it.

    Raises:
        SettingsError: the encoder's name stands for nothing, or the directory holds something else.
        CorpusError: the texts can't be used.
        DetectorError: the encoder can't be used, or the directory can't be written to.
    """
    recipe, out = order.recipe, order.out
    samples = read_samples(order.data)
    selection = select(samples, recipe)
    teacher = read_teacher(order.teacher) if order.teacher is not None else {}
    encoder = locate_encoder(recipe.base, recipe.revision, asked="train: --base", pin="--revision")
    accelerator = accelerator_for(cpu=order.cpu, precision=recipe.precision)
    if accelerator.is_main_process:
        _prepare(out, restart=order.restart)
        if order.held_out is not None:
            write_samples(order.held_out, selection.held_out)
    else:
        reporter = silent()
    accelerator.wait_for_everyone()
    base = open_base(encoder, recipe)
    recipe = msgspec.structs.replace(recipe, max_tokens=base.max_tokens)
    authors = authors_that_count(selection.training) if recipe.adversarial_authors else {}
    files = (*order.data, *([order.teacher] if order.teacher is not None else []))
    inputs = Inputs(
        recipe=recipe,
        files={path.name: _sha256(path) for path in files},
        base=_base_digest(encoder),
        processes=accelerator.num_processes,
    )
    for name, texts in zip(("learns from", "validates on", "holds out"), selection, strict=True):
        machines = sum(one.is_machine for one in texts)
        reporter.say(f"{name} {len(texts) - machines} human and {machines} machine texts")
    trainee = Trainee(
        base.model, recipe, base.labels.index("machine"), _machine_by_number(selection.training, authors)
    )
    loop = Loop(
        trainee,
        ExampleMaker(base.tokenizer, recipe, authors, teacher),
        selection,
        inputs,
        padding=base.tokenizer.pad_token_id,
        out=out,
        save_every=order.save_every,
        accelerator=accelerator,
        reporter=reporter,
    )
    outcome = loop.run()
    if accelerator.is_main_process:
        said = _provenance(order, inputs, selection, outcome, accelerator)
        base.model.to("cpu")
        write_detector(out, base, encoder, recipe, said, keep_adapter=order.keep_adapter)
        shutil.rmtree(out / FOLDER, ignore_errors=True)
    accelerator.wait_for_everyone()
    return outcome


def _prepare(out: Path, *, restart: bool) -> None:
    """Makes the directory, or makes sure that what is in it is a training to go on with."""
    try:
        if restart:
            shutil.rmtree(out / FOLDER, ignore_errors=True)
            (out / MANIFEST).unlink(missing_ok=True)
        elif (out / MANIFEST).exists():
            raise SettingsError(
                f"train: {out} holds a detector already; name a new directory, or give --restart to train "
                "it anew"
            )
        elif out.is_dir() and any(out.iterdir()) and not (out / FOLDER).is_dir():
            raise SettingsError(f"train: {out} is not empty; name a new directory")
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DetectorError(f"train: can't write to {out}: {error.strerror}") from None


def _provenance(
    order: Order, inputs: Inputs, selection: Selection, outcome: Outcome, accelerator: Accelerator
) -> dict[str, Any]:
    top = best(outcome.progress.history)
    return {
        "command": order.command,
        "recipe": msgspec.to_builtins(inputs.recipe),
        "data": inputs.files,
        "encoder": {"model": order.recipe.base, "revision": order.recipe.revision, "sha256": inputs.base},
        "learned_from": _counts(selection.training),
        "validated_on": _counts(selection.validation),
        "held_out": _counts(selection.held_out),
        "steps": outcome.progress.step,
        "ended_by": outcome.ended_by,
        "best_step": top.step if top is not None else None,
        "validations": msgspec.to_builtins(outcome.progress.history),
        "device": outcome.device,
        "processes": accelerator.num_processes,
        "made_with": {package: version(package) for package in _PACKAGES},
    }


def _machine_by_number(samples: Sequence[Sample], authors: dict[str, int]) -> list[bool]:
    machine = [False] * len(authors)
    for one in samples:
        if (number := authors.get(one.author or "")) is not None:
            machine[number] = one.is_machine
    return machine


def _counts(samples: Iterable[Sample]) -> dict[str, int]:
    return dict(sorted(Counter(f"{one.source}, {one.label}" for one in samples).items()))


def _base_digest(encoder: Path) -> str:
    """The sha256 of the encoder's weights; of all files' digests where they are in parts."""
    files = weight_files(encoder)
    return (
        weights_digest(encoder) if len(files) == 1 and files[0].suffix == ".safetensors" else _joined(files)
    )


def _joined(files: Sequence[Path]) -> str:
    return "+".join(_sha256(path) for path in files)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"can't read {path}: {error.strerror}") from None
