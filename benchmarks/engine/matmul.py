"""The machine's own matrix-multiply rate: the ceiling that no engine gets through."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn.functional import linear

from benchmarks.contestants.torch_threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.engine.shapes import Shape
    from benchmarks.engine.task import NumberFormat

_ROWS: Final = 2048
_TRIES: Final = 5


class Ceiling:
    """The two feed-forward products of a shape, 2,048 rows of them, in one number format.

    Args:
        shape: whose products.
        number_format: float32 and bfloat16 are torch's `linear`; int8 is its product with weights that lie
            ready for it, answers in float32.
        threads: how many threads compute.
    """

    def __init__(self, shape: Shape, number_format: NumberFormat, threads: int) -> None:
        self._products = [
            _product(shape.width, shape.inner_width, number_format),
            _product(shape.inner_width, shape.width, number_format),
        ]
        self._operations = 2 * 2.0 * _ROWS * shape.width * shape.inner_width
        self._threads = threads

    def rate(self) -> float:
        """Operations a second, the best of several tries: all threads on one product, or each on its own."""
        return max(max(self._together(), self._apart()) for _ in range(_TRIES))

    @torch.inference_mode()
    def _together(self) -> float:
        with torch_threads(self._threads):
            began = time.perf_counter()
            self._once()
            return self._operations / (time.perf_counter() - began)

    def _apart(self) -> float:
        with torch_threads(1), ThreadPoolExecutor(self._threads) as threads:
            began = time.perf_counter()
            for done in [threads.submit(self._once) for _ in range(self._threads)]:
                done.result()
            return self._threads * self._operations / (time.perf_counter() - began)

    def _once(self) -> None:
        with torch.inference_mode():  # it holds for one thread
            for product in self._products:
                product()


def _product(width: int, wide: int, number_format: NumberFormat) -> Callable[[], Any]:
    if number_format == "int8":
        return _int8_product(width, wide)
    dtype = getattr(torch, number_format)
    return partial(linear, torch.randn(_ROWS, width, dtype=dtype), torch.randn(wide, width, dtype=dtype))


def _int8_product(width: int, wide: int) -> Callable[[], Any]:
    rows = torch.randint(0, 128, (_ROWS, width), dtype=torch.uint8)
    weights = torch.randint(-127, 128, (wide, width), dtype=torch.int8)
    prepacked = torch.ops.onednn.qlinear_prepack(weights, None)
    return partial(
        torch.ops.onednn.qlinear_pointwise,
        *(rows, 1.0, 0),
        *(prepacked, torch.full((wide,), 0.01), torch.zeros(wide, dtype=torch.int32)),
        *(None, 1.0, 0, torch.float32, "none", [], ""),
    )
