"""OpenVINO: one text a request, several requests at a time."""

from __future__ import annotations

import warnings
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import openvino

from benchmarks.contestants.padding import BATCH, sorted_batches
from benchmarks.contestants.torch_model import exportable
from benchmarks.engine.task import Contestant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benchmarks.contestants.padding import Padded
    from benchmarks.engine.task import NumberFormat, Task

# int8 is what the quantised layers compute in; the rest of that model is float32.
_PRECISION: Final = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


def contestants(task: Task, number_format: NumberFormat) -> Iterator[Contestant]:
    """One text a request; int8 in sorted batches as well."""
    model = _quantised(task) if number_format == "int8" else _converted(task.folder)
    streams = min(task.streams, task.threads)
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": task.threads,
            "INFERENCE_PRECISION_HINT": _PRECISION[number_format],
        },
    )
    queue = openvino.AsyncInferQueue(compiled, streams)
    name = f"OpenVINO, one text a request, {streams} streams"
    singly = partial(sorted_batches, task.posts, 1)
    yield Contestant("openvino", name, number_format, lambda: _score(queue, singly(), len(task.posts.ids)))
    if number_format == "int8":
        name = f"OpenVINO, sorted by length, batch {BATCH}"
        batches = partial(sorted_batches, task.posts)
        yield Contestant(
            "openvino_sorted_32", name, number_format, lambda: _score(queue, batches(), len(task.posts.ids))
        )


def _score(queue: Any, batches: Iterable[Padded], count: int) -> list[float]:
    logits = [0.0] * count

    def keep(request: Any, places: list[int]) -> None:
        outputs = request.get_output_tensor(0).data
        for place, logit in zip(places, (outputs[:, 1] - outputs[:, 0]).tolist(), strict=True):
            logits[place] = logit

    queue.set_callback(keep)
    for batch in batches:
        queue.start_async({"input_ids": batch.ids, "attention_mask": batch.mask}, batch.places)
    queue.wait_all()
    return logits


@lru_cache(maxsize=1)
def _converted(folder: Path) -> Any:
    model, example = exportable(folder)
    shapes = [(name, [-1, -1], openvino.Type.i64) for name in example]
    with warnings.catch_warnings(action="ignore"):  # tracing warns of every branch on a shape
        return openvino.convert_model(model, example_input=example, input=shapes)


def _quantised(task: Task) -> Any:
    # Imported here: a package of its own, which the other formats can do without.
    import nncf  # noqa: PLC0415

    examples = [
        {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        for ids in (np.array([one], dtype=np.int64) for one in task.others.ids)
    ]
    return nncf.quantize(
        _converted(task.folder).clone(),
        nncf.Dataset(examples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(examples),
    )
