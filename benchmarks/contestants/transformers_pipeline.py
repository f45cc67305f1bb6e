"""`transformers.pipeline`, which tokenises by itself and pads each batch to its longest text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from transformers import pipeline

from benchmarks.contestants.torch_model import tokenizer, torch_model
from benchmarks.contestants.torch_threads import torch_threads
from benchmarks.engine.task import Contestant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.engine.task import NumberFormat, Task


def contestants(task: Task, number_format: NumberFormat) -> Iterator[Contestant]:
    """One text at a time, and 32."""
    if number_format == "int8":
        return
    classify = pipeline(
        "text-classification",
        model=torch_model(task.folder, number_format),
        tokenizer=tokenizer(task.folder),
        device="cpu",
    )
    for batch in (1, 32):
        name = f"transformers.pipeline, batch {batch}"
        yield Contestant(f"pipeline_{batch}", name, number_format, partial(_score, task, classify, batch))


def _score(task: Task, classify: Any, batch: int) -> list[float]:
    with torch_threads(task.threads):
        said = classify(list(task.posts.texts), batch_size=batch, top_k=None, function_to_apply="none")
    outputs = ({one["label"]: float(one["score"]) for one in text} for text in said)
    return [output["machine"] - output["human"] for output in outputs]
