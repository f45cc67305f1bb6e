"""What one writes by hand: torch, posts sorted by length, batches of 32."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.contestants.padding import BATCH, sorted_batches
from benchmarks.contestants.torch_model import torch_model
from benchmarks.contestants.torch_threads import torch_threads
from benchmarks.engine.task import Contestant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.engine.task import NumberFormat, Task


def contestants(task: Task, number_format: NumberFormat) -> Iterator[Contestant]:
    """The loop."""
    if number_format == "int8":
        return
    model = torch_model(task.folder, number_format)
    name = f"torch, sorted by length, batch {BATCH}"
    yield Contestant("padded_32", name, number_format, partial(_score, task, model))


def _score(task: Task, model: Any) -> list[float]:
    logits = [0.0] * len(task.posts.ids)
    with torch_threads(task.threads), torch.inference_mode():
        for places, ids, mask in sorted_batches(task.posts):
            outputs = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits
            for place, logit in zip(places, (outputs[:, 1] - outputs[:, 0]).tolist(), strict=True):
                logits[place] = logit
    return logits
