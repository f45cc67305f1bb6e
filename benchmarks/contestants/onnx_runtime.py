"""ONNX Runtime: one text a run, as many runs at a time as there are threads."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks.contestants.padding import sorted_batches
from benchmarks.contestants.torch_model import exportable
from benchmarks.engine.task import Contestant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.contestants.padding import Padded
    from benchmarks.engine.task import NumberFormat, Task

_OPSET: Final = 18


def contestants(task: Task, number_format: NumberFormat) -> Iterator[Contestant]:
    """float32, and int8 whose activations are quantised on the way."""
    if number_format == "bfloat16":
        return
    file = _exported(task.folder)
    if number_format == "int8":
        smaller = file.with_name("int8.onnx")
        quantize_dynamic(file, smaller, weight_type=QuantType.QInt8)
        file = smaller
    options = onnxruntime.SessionOptions()
    # A run computes on the thread that calls it, so one session serves them all.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    how = "dynamic int8, " if number_format == "int8" else ""
    name = f"ONNX Runtime, {how}one text a run, {task.threads} runs"
    yield Contestant("onnxruntime", name, number_format, partial(_score, task, session))


def _score(task: Task, session: Any) -> list[float]:
    logits = [0.0] * len(task.posts.ids)

    def run(batch: Padded) -> None:
        ((human, machine),) = session.run(None, {"input_ids": batch.ids, "attention_mask": batch.mask})[0]
        logits[batch.places[0]] = float(machine - human)

    with ThreadPoolExecutor(task.threads) as threads:
        for _ in threads.map(run, sorted_batches(task.posts, 1)):
            pass
    return logits


@lru_cache(maxsize=1)
def _exported(folder: Path) -> Path:
    model, example = exportable(folder)
    file = folder / "onnx" / "float32.onnx"
    file.parent.mkdir(exist_ok=True)
    texts, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens", max=512)
    with warnings.catch_warnings(action="ignore"):  # the exporter's own dependencies warn
        torch.onnx.export(
            model,
            kwargs=example,
            f=str(file),
            dynamic_shapes={name: {0: texts, 1: tokens} for name in example},
            output_names=["logits"],
            opset_version=_OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    return file
