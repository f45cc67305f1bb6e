from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import torch

from tests.support.waiting import PATIENCE_S
from worker.detector.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Leaves torch's threads as they were."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


class Counting:
    """Gives each text its first token and its length; keeps what it saw of its surroundings."""

    name = "counting"

    def __init__(self, *, together: int = 1) -> None:
        self.threads: set[int] = set()
        self._together = threading.Barrier(together)

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        self._together.wait(PATIENCE_S)
        self.threads.add(torch.get_num_threads())
        assert torch.is_inference_mode_enabled()
        return torch.tensor([[text[0], len(text)] for text in texts], dtype=torch.bfloat16)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_outputs_are_in_the_order_of_the_texts(count: int) -> None:
    texts = [[number] * (number % 7 + 1) for number in range(100)]
    outputs = Streams(Counting(), count).outputs(texts)
    assert outputs.dtype == torch.float64
    assert outputs.tolist() == [[text[0], len(text)] for text in texts]


def test_packs_run_at_the_same_time_on_one_thread_each() -> None:
    layout = Counting(together=3)
    torch.set_num_threads(2)
    Streams(layout, 3).outputs([[1] * 100] * 3)  # would wait for ever for the others if they came in turn
    assert layout.threads == {1}


def test_one_that_fails_is_told_when_all_others_have_ended() -> None:
    ended: list[int] = []

    class Failing:
        name = "failing"

        def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
            if len(texts[0]) == 200:
                raise RuntimeError("not this one")
            ended.append(len(texts))
            return torch.zeros(len(texts), 2)

    streams = Streams(Failing(), 2)
    with pytest.raises(RuntimeError, match="not this one"):
        streams.outputs([[1] * 200, *[[1] * 100] * 3])
    assert sum(ended) == 3 or len(ended) == 1
    assert streams.outputs([[1] * 100]).tolist() == [[0.0, 0.0]]
