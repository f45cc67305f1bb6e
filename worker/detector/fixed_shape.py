"""A model on a GPU: one shape for the products of every pack, captured once and replayed.

Libraries choose their kernels by the shape of a product, and other kernels add up in another order. With one
shape there is one choice, so a logit does not depend on how full its pack is. A pack that is not full costs
as much as a full one, which matters only while there is little to do.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import torch

from worker.detector.layout import LEAST_ROWS
from worker.detector.packing import filled_packs
from worker.detector.streams import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from worker.detector.layout import Inputs, Layout, Packed

# A post of fewer tokens takes no less room in the classifier.
_TOKENS_A_TEXT: Final = 8
# Texts of at most so many tokens take one block of attention each, and a pack may be full of them. Of longer
# ones it holds fewer.
_SHORT: Final = 128
_TOKENS_A_LONG_TEXT: Final = 32
# While one pack runs, the next is put together and copied, and the one before is read.
_SLOTS: Final = 3
# At the end of a call the device waits for the next one; so a call holds several packs.
_PACKS_A_CALL: Final = 4


class Queue(Protocol):
    """What runs on the device, one after the other, while the CPU goes on."""

    def pinned(self, tensor: Tensor) -> Tensor:
        """A copy of a tensor in memory that the device can read by itself."""
        ...

    def captured(self, run: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Records what `run` does; returns what does it again, and the tensor that then holds its answer."""
        ...

    def mark(self) -> Any:
        """Something whose `synchronize()` waits until all so far is done."""
        ...


class CudaQueue:
    """The current stream of a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Runs follow one another, so what one holds in between may lie where another does.
        self._memory = torch.cuda.graph_pool_handle()

    def pinned(self, tensor: Tensor) -> Tensor:
        """As `Queue` says."""
        return tensor.pin_memory()

    def captured(self, run: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """As `Queue` says, as a CUDA graph."""
        aside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch's
        aside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(aside):
            for _ in range(2):  # libraries make their choices and take their memory in the first runs
                run()
        torch.cuda.current_stream(self._device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            answer = run()
        return graph.replay, answer

    def mark(self) -> Any:
        """As `Queue` says."""
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch's
        event.record(torch.cuda.current_stream(self._device))
        return event


class Size(NamedTuple):
    """Packs of one kind: of texts that are no longer than so many tokens, so many at most.

    Attention starts a block for every stretch of the longest text there may be, for every text there may be,
    whether there is one or not: starting them takes time.
    """

    longest: int
    texts: int


def pack_sizes(tokens: int, longest: int) -> tuple[Size, ...]:
    """What packs of so many tokens are sorted into, if no text has more than `longest`."""
    texts = max(LEAST_ROWS, tokens // _TOKENS_A_TEXT)
    if longest <= _SHORT:
        return (Size(longest, texts),)
    return Size(_SHORT, texts), Size(longest, max(LEAST_ROWS, tokens // _TOKENS_A_LONG_TEXT))


class FixedShape:
    """Replays a captured run of a packed layout, pack after pack.

    Args:
        layout: packed, with `fixed_tokens`, and `fixed_texts` of the size with the most texts.
        queue: the device's.
        device: where the model is.
        tokens: rows of a pack.
        sizes: the kinds of packs, those of the shortest texts first. All products have the same shape in all
            of them, so that the bits are the same, too.
    """

    on_gpu = True

    def __init__(
        self, layout: Packed, queue: Queue, *, device: torch.device, tokens: int, sizes: Sequence[Size]
    ) -> None:
        self._layout = layout
        self._queue = queue
        self.batch_tokens = _PACKS_A_CALL * tokens
        self._tokens = tokens
        with torch.inference_mode():
            self._runs = [_Run(layout, queue, device, size) for size in sizes]
            self._answers = [queue.pinned(self._runs[0].answer.cpu()) for _ in range(_SLOTS)]

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The classifier's outputs, shape (texts, labels), float64, on the CPU."""
        lengths = [len(text) for text in texts]
        packs = filled_packs(lengths, self._tokens, lambda longest: self._run_for(longest).size.texts)
        parts: list[Tensor] = []
        under_way: deque[tuple[Any, Tensor, int]] = deque()
        with torch.inference_mode():
            for number, pack in enumerate(packs):
                run = self._run_for(lengths[pack[0]])
                inputs = self._layout.inputs([texts[place] for place in pack], run.size.texts)
                if len(under_way) == _SLOTS:
                    parts.append(_read(*under_way.popleft()))
                slot = number % _SLOTS
                run.start(slot, inputs)
                self._answers[slot].copy_(run.answer, non_blocking=True)
                under_way.append((self._queue.mark(), self._answers[slot], len(pack)))
            parts += [_read(*one) for one in under_way]
        return in_order(packs, parts)

    def _run_for(self, longest: int) -> _Run:
        return next(run for run in self._runs if longest <= run.size.longest)


class _Run:
    """A captured run, and where its input is put together and lies.

    Attributes:
        size: of the packs.
        answer: what it leaves, on the device.
    """

    def __init__(self, layout: Packed, queue: Queue, device: torch.device, size: Size) -> None:
        self.size = size
        empty = layout.inputs([[1]], size.texts)
        self._slots = [[queue.pinned(tensor) for tensor in empty] for _ in range(_SLOTS)]
        self._inputs = empty.on(device)
        self._replay, self.answer = queue.captured(lambda: layout.run(self._inputs, longest=size.longest))

    def start(self, slot: int, inputs: Inputs) -> None:
        """Copies a pack to the device and runs it there, after all that was started before."""
        for held, tensor, given in zip(self._slots[slot], inputs, self._inputs, strict=True):
            held.copy_(tensor)
            given.copy_(held, non_blocking=True)
        self._replay()


class OneByOne:
    """A layout on a GPU without a captured run: pack after pack.

    Args:
        layout: how a pack is run.
        tokens: most tokens of a pack.
    """

    on_gpu = True

    def __init__(self, layout: Layout, *, tokens: int) -> None:
        self.batch_tokens = tokens
        self._layout = layout
        self._tokens = tokens

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The classifier's outputs, shape (texts, labels), float64, on the CPU."""
        packs = filled_packs(
            [len(text) for text in texts], self._tokens, lambda _: max(1, self._tokens // _TOKENS_A_TEXT)
        )
        with torch.inference_mode():
            parts = [self._layout.outputs([texts[place] for place in pack]).cpu().double() for pack in packs]
        return in_order(packs, parts)


def _read(done: Any, answer: Tensor, texts: int) -> Tensor:
    done.synchronize()
    return answer[:texts].double()
