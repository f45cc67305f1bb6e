"""A model on the CPU: several packs at a time, each on one thread of its own.

Threads that share one product wait for each other at its end, product after product; threads with a pack each
never do. And what one thread adds up does not depend on how many there are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

import torch

from worker.detector.packing import PACK_TOKENS, balanced_packs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.detector.layout import Layout

# Of each stream. With fewer, one long text leaves the other streams without work at a batch's end.
_PACKS_A_BATCH: Final = 4


class Streams:
    """Runs a layout over packs of texts.

    Torch's own threads are switched off for the whole process as soon as this runs.

    Args:
        layout: how a pack is run.
        count: how many packs at a time: the cores there are.
    """

    on_gpu = False

    def __init__(self, layout: Layout, count: int) -> None:
        self.batch_tokens = count * _PACKS_A_BATCH * PACK_TOKENS
        self._layout = layout
        self._count = count
        self._pool = ThreadPoolExecutor(
            count, thread_name_prefix="stream", initializer=torch.set_num_threads, initargs=(1,)
        )

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The classifier's outputs, shape (texts, labels), float64.

        Raises:
            RuntimeError: whatever torch raises on a pack, among it that memory is short.
        """
        packs = balanced_packs([len(text) for text in texts], self._count)
        runs = [self._pool.submit(self._run, [texts[place] for place in pack]) for pack in packs]
        # One that fails must not leave others running behind the caller's back.
        wait(runs)
        parts = [run.result() for run in runs]
        return in_order(packs, parts)

    def _run(self, texts: Sequence[Sequence[int]]) -> Tensor:
        with torch.inference_mode():
            return self._layout.outputs(texts).double()


def in_order(packs: Sequence[Sequence[int]], parts: Sequence[Tensor]) -> Tensor:
    """Rows of the packs' outputs, back in the order of the texts."""
    outputs = torch.cat(list(parts))
    ordered = torch.empty_like(outputs)
    ordered[torch.tensor([place for pack in packs for place in pack])] = outputs
    return ordered
