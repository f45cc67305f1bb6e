"""The training itself: steps, validations, and a state to go on from, on one device or several."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from msgspec.structs import replace

from worker.cores import usable_cores
from worker.lab.encoder.adversary import strength_at
from worker.lab.encoder.batches import batch_of, grouped
from worker.lab.encoder.draws import draw, texts_in_epoch
from worker.lab.encoder.schedule import rate_factor, share_done
from worker.lab.encoder.state import (
    Inputs,
    Progress,
    optimiser_tensors,
    read_best,
    read_state,
    restore_optimiser,
    write_best,
    write_state,
)
from worker.lab.encoder.trainee import copied, put_back, with_decay
from worker.lab.encoder.validation import Validation, best, family_aurocs, logits_of, out_of_patience

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from worker.lab.encoder.examples import Example, ExampleMaker
    from worker.lab.encoder.selection import Selection
    from worker.lab.encoder.trainee import Trainee


class Reporter(NamedTuple):
    """Who is told how it goes.

    Attributes:
        say: a line for people.
        steps: shows the steps of a whole of so many; what it gives is told how many are done.
    """

    say: Callable[[str], None]
    steps: Callable[[int], AbstractContextManager[Callable[[int], None]]]


def silent() -> Reporter:
    """Nobody is told; for all processes but the first."""
    return Reporter(say=lambda line: None, steps=lambda total: nullcontext(lambda step: None))  # noqa: ARG005 - as above


class Outcome(NamedTuple):
    """How a training ended. The trainee has the best weights then.

    Attributes:
        progress: what there was to say at its end.
        ended_by: `epochs`, `max steps`, `max minutes` or `patience`.
        device: the kind of device that it ran on.
    """

    progress: Progress
    ended_by: str
    device: str


class Loop:
    """Trains a trainee, from the start or from where its directory says that it was stopped.

    Args:
        trainee: what learns; it has its first weights.
        maker: makes examples of texts.
        selection: the texts.
        inputs: recipe and digests, kept with the state.
        padding: the id of the padding token.
        out: where the state is kept.
        save_every: steps between two states.
        accelerator: places the work.
        reporter: who is told.
    """

    def __init__(  # noqa: PLR0913 - the parts of a training
        self,
        trainee: Trainee,
        maker: ExampleMaker,
        selection: Selection,
        inputs: Inputs,
        *,
        padding: int,
        out: Path,
        save_every: int,
        accelerator: Accelerator,
        reporter: Reporter,
    ) -> None:
        self._recipe = inputs.recipe
        self._trainee = trainee
        self._maker = maker
        self._selection = selection
        self._padding = padding
        self._out = out
        self._save_every = save_every
        self._reporter = reporter
        self._accelerator = accelerator
        self._parameters = trainee.trained()
        optimiser = torch.optim.AdamW(
            with_decay(self._parameters, self._recipe.weight_decay), lr=self._recipe.learning_rate
        )
        self._wrapped, self._optimiser = accelerator.prepare(trainee, optimiser)
        # Moving to a device may have made other parameters of them.
        self._parameters = trainee.trained()
        self._progress = Progress(inputs=inputs)
        self._validated = maker.plain(selection.validation)
        in_epoch = texts_in_epoch(selection.training, self._recipe)
        self._steps_in_epoch = max(1, in_epoch // self._recipe.batch_texts)
        self._steps = self._steps_in_epoch * self._recipe.epochs
        if self._recipe.max_steps is not None:
            self._steps = min(self._steps, self._recipe.max_steps)
        self._drawn: tuple[int, Any] = (-1, None)

    def run(self) -> Outcome:
        """Trains to the end, and leaves the best weights in the trainee.

        Raises:
            SettingsError: the directory holds a training with another recipe.
            DetectorError: its state can't be read or written.
        """
        self._go_on()
        self._wrapped.train()
        began = time.monotonic() - 60 * self._progress.minutes
        ended_by = self._reason_to_end()
        with self._reporter.steps(self._steps) as advance:
            while ended_by is None:
                self._step(self._agreed((time.monotonic() - began) / 60))
                step = self._progress.step
                advance(step)
                ended_by = self._reason_to_end()
                if ended_by or step % (self._recipe.evaluate_every or self._steps_in_epoch) == 0:
                    self._validate()
                    ended_by = ended_by or self._reason_to_end()
                if ended_by or step % self._save_every == 0:
                    self._save()
        top = best(self._progress.history)
        if top is not None:
            self._accelerator.wait_for_everyone()
            put_back(self._parameters, read_best(self._out, top.step))
        return Outcome(self._progress, ended_by, self._accelerator.device.type)

    def _go_on(self) -> None:
        saved = read_state(self._out, self._progress.inputs)
        if saved is None:
            return
        put_back(self._parameters, saved.weights)
        restore_optimiser(self._optimiser.optimizer, self._parameters, saved.optimiser)
        self._progress = saved.progress
        self._reporter.say(f"going on after step {saved.progress.step} of {self._steps}")

    def _reason_to_end(self) -> str | None:
        progress, recipe = self._progress, self._recipe
        if progress.step >= self._steps:
            return "max steps" if self._steps == recipe.max_steps else "epochs"
        if recipe.max_minutes is not None and progress.minutes >= recipe.max_minutes:
            return "max minutes"
        return "patience" if out_of_patience(progress.history, recipe.patience) else None

    def _step(self, minutes: float) -> None:
        recipe, step, texts = self._recipe, self._progress.step, self._recipe.batch_texts
        epoch, place = divmod(step, self._steps_in_epoch)
        if self._drawn[0] != epoch:
            self._drawn = epoch, draw(self._selection.training, recipe, epoch)
        places = self._drawn[1][place * texts : (place + 1) * texts].tolist()
        first = place * texts
        examples = self._maker.training([self._selection.training[at] for at in places], epoch, first)
        done = share_done(step + 1, self._steps, minutes, recipe.max_minutes)
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.learning_rate * rate_factor(done, recipe.warmup)
        # So that dropout is the same in a training that was stopped and went on: Python hashes whole numbers
        # alike in every process.
        rank, processes = self._accelerator.process_index, self._accelerator.num_processes
        torch.manual_seed(hash((recipe.seed, step, rank)) % 2**63)
        loss = self._learn(examples[rank::processes], len(examples), strength_at(done))
        self._progress = replace(
            self._progress,
            step=step + 1,
            minutes=minutes,
            loss=self._progress.loss + loss,
            texts=self._progress.texts + len(examples[rank::processes]),
        )

    def _learn(self, examples: list[Example], texts: int, strength: float) -> float:
        """One step of the optimiser.

        Args:
            examples: those of this process.
            texts: those of all processes.
            strength: of the reversed gradient.

        Returns:
            The loss, summed over the examples.
        """
        accelerator, total = self._accelerator, 0.0
        # Processes average their gradients; what each adds has to count by its texts.
        scale = accelerator.num_processes / texts
        groups = list(grouped(examples, self._recipe.batch_tokens))
        for number, group in enumerate(groups, 1):
            batch = batch_of([examples[place] for place in group], self._padding).to(accelerator.device)
            with accelerator.autocast():
                if number < len(groups):
                    with accelerator.no_sync(self._wrapped):
                        loss = self._wrapped(batch, strength)
                        accelerator.backward(loss * scale)
                else:
                    loss = self._wrapped(batch, strength)
                    accelerator.backward(loss * scale)
            total += float(loss.detach())
        accelerator.clip_grad_norm_(list(self._parameters.values()), self._recipe.clip)
        self._optimiser.step()
        self._optimiser.zero_grad()
        return total

    def _validate(self) -> None:
        progress = self._progress
        with self._accelerator.autocast():
            logits = logits_of(
                self._trainee,
                self._validated,
                padding=self._padding,
                most_tokens=self._recipe.batch_tokens,
                device=self._accelerator.device,
            )
        families = self._agreed(family_aurocs(self._selection.validation, logits))
        found = Validation(
            step=progress.step,
            loss=round(progress.loss / max(1, progress.texts), 4),
            auroc=round(sum(families.values()) / len(families), 4),
            families=families,
        )
        before = best(progress.history)
        self._progress = replace(progress, loss=0.0, texts=0, history=(*progress.history, found))
        better = before is None or found.auroc > before.auroc
        if better and self._accelerator.is_main_process:
            write_best(self._out, found.step, copied(self._parameters))
        each = ", ".join(f"{family} {value:.3f}" for family, value in families.items())
        self._reporter.say(
            f"step {found.step} of {self._steps}: loss {found.loss:.3f}, AUROC {found.auroc:.4f}"
            f"{' (best so far)' if better else ''}: {each}"
        )

    def _save(self) -> None:
        if self._accelerator.is_main_process:
            optimiser = optimiser_tensors(self._optimiser.optimizer, self._parameters)
            write_state(self._out, self._progress, copied(self._parameters), optimiser)

    def _agreed(self, value: Any) -> Any:
        """What the first process says, so that all decide alike."""
        if self._accelerator.num_processes == 1:
            return value
        said = [value]
        broadcast_object_list(said)
        return said[0]


def accelerator_for(*, cpu: bool, precision: str) -> Accelerator:
    """What places the work on the devices that there are, or those that `accelerate launch` gives.

    Args:
        cpu: whether to stay on the CPU; one process then uses all usable cores.
        precision: what is computed in.
    """
    accelerator = Accelerator(cpu=cpu, mixed_precision="bf16" if precision == "bfloat16" else "no")
    if accelerator.device.type == "cpu":
        torch.set_num_threads(usable_cores())
    return accelerator
