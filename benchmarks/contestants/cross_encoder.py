"""sentence-transformers' CrossEncoder, which tokenises by itself and sorts by length."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers import CrossEncoder

from benchmarks.contestants.padding import BATCH
from benchmarks.contestants.torch_threads import torch_threads
from benchmarks.engine.task import Contestant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.engine.task import NumberFormat, Task


def contestants(task: Task, number_format: NumberFormat) -> Iterator[Contestant]:
    """`predict` with a batch of 32."""
    if number_format == "int8":
        return
    encoder = CrossEncoder(
        str(task.folder),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, number_format)},
        activation_fn=torch.nn.Identity(),
    )
    name = f"sentence-transformers CrossEncoder, batch {BATCH}"
    yield Contestant("cross_encoder", name, number_format, partial(_score, task, encoder))


def _score(task: Task, encoder: Any) -> list[float]:
    pairs = [(text, "") for text in task.posts.texts]  # the tokenizer reads a pair as one text
    with torch_threads(task.threads):
        outputs = encoder.predict(pairs, batch_size=BATCH, show_progress_bar=False)
    return [float(machine - human) for human, machine in outputs]
