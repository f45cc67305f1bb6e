"""The GPU's way as far as a CPU can go it: one shape for all packs, one call of a kernel for all texts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest
import torch

from tests.support.reference_attention import reference_kernel
from tests.support.tiny_transformer import random_classifier
from worker.detector.attention import flash_attention
from worker.detector.fixed_shape import CudaQueue, FixedShape, OneByOne, Size, pack_sizes
from worker.detector.layout import LEAST_ROWS, Packed, Padded, Single

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

MOST_TOKENS: Final = 64
VOCABULARY: Final = 120
PACK: Final = 96
TEXTS: Final = 20
PACKS: Final = (Size(16, TEXTS), Size(MOST_TOKENS, 8))
SIZES: Final = {
    "vocab_size": VOCABULARY,
    "num_labels": 2,
    "pad_token_id": 1,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": MOST_TOKENS,
    "initializer_range": 0.3,
}
FAMILIES: Final = {
    "Bert": SIZES,
    # The last layer is one that sees a window alone.
    "ModernBert": SIZES | {"local_attention": 16, "global_attn_every_n_layers": 2, "num_hidden_layers": 4},
}
needs_gpu: Final = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="CUDA's own queue and kernel need a GPU that torch can use"
)


class EagerQueue:
    """A device that does all at once: what it is given is done when the call returns."""

    def __init__(self) -> None:
        self.memory: list[Tensor] = []
        self.waited: list[int] = []
        self._marks = 0

    def pinned(self, tensor: Tensor) -> Tensor:
        self.memory.append(tensor.clone())
        return self.memory[-1]

    def captured(self, run: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        answer = run().clone()
        self.memory.append(answer)

        def replay() -> None:
            answer.copy_(run())

        return replay, answer

    def mark(self) -> Any:
        number = self._marks
        self._marks += 1
        waited = self.waited

        class Mark:
            def synchronize(self) -> None:
                waited.append(number)

        return Mark()


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def model_of(family: str) -> Any:
    return random_classifier(family, **FAMILIES[family])


def texts_of(lengths: list[int]) -> list[list[int]]:
    chance = random.Random(len(lengths))  # noqa: S311 - made-up texts
    return [chance.choices(range(2, VOCABULARY), k=length) for length in lengths]


def expected(family: str, texts: list[list[int]]) -> Tensor:
    with torch.inference_mode():
        return Single(model_of(family)).outputs(texts).double()


def fixed_layout(family: str) -> Packed:
    return Packed(
        model_of(family),
        first_position=0,
        fixed_tokens=PACK,
        fixed_texts=TEXTS,
        kernel=reference_kernel,
        longest=MOST_TOKENS,
    )


@pytest.fixture(scope="module")
def queue() -> EagerQueue:
    return EagerQueue()


@pytest.fixture(scope="module")
def runner(family: str, queue: EagerQueue) -> FixedShape:
    return FixedShape(fixed_layout(family), queue, device=torch.device("cpu"), tokens=PACK, sizes=PACKS)


LENGTHS: Final = {
    "one text": [5],
    "one text of one token": [1],
    "the longest text": [MOST_TOKENS],
    "a pack that is full": [MOST_TOKENS, PACK - MOST_TOKENS],
    "as many texts as a pack holds": [3] * TEXTS,
    "one text more": [3] * (TEXTS + 1),
    "as many longer texts as a pack holds, and one more": [17, *[3] * 8],
    "more packs than slots": [50, 60, 1, 64, 48, 48, 33, 2, 64, 64, 7, 30, 64, 12],
}


def close(outputs: Tensor, wanted: Tensor) -> bool:
    return bool((outputs - wanted).abs().max().item() <= 1e-5)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_outputs_are_those_of_each_text_alone(family: str, runner: FixedShape, lengths: list[int]) -> None:
    texts = texts_of(lengths)
    outputs = runner.outputs(texts)
    assert outputs.dtype == torch.float64
    assert close(outputs, expected(family, texts))


def test_what_lay_in_the_memory_before_changes_nothing(runner: FixedShape, queue: EagerQueue) -> None:
    texts = texts_of([9, 64, 1, 30])
    before = runner.outputs(texts)
    with torch.inference_mode():
        for tensor in queue.memory:
            tensor.fill_(torch.nan if tensor.is_floating_point() else 1)
    assert runner.outputs(texts).tolist() == before.tolist()
    runner.outputs(texts_of([40] * 9))
    assert runner.outputs(texts).tolist() == before.tolist()


def test_a_text_has_the_same_bits_whatever_its_pack_holds(runner: FixedShape) -> None:
    texts = texts_of(list(range(1, 33)))
    alone = [runner.outputs([text])[0].tolist() for text in texts]
    assert runner.outputs(texts).tolist() == alone
    assert runner.outputs(texts[::-1]).tolist() == alone[::-1]


def test_a_short_text_has_the_same_bits_beside_long_ones(runner: FixedShape) -> None:
    short, *long = texts_of([16, 17, 60])
    assert runner.outputs([short]).tolist() == runner.outputs([short, *long])[:1].tolist()


def test_packs_of_short_texts_hold_more_of_them() -> None:
    assert pack_sizes(16_384, 512) == (Size(128, 2_048), Size(512, 512))
    assert pack_sizes(16_384, 64) == (Size(64, 2_048),)
    assert pack_sizes(96, 512) == (Size(128, LEAST_ROWS), Size(512, LEAST_ROWS))


def test_each_answer_is_waited_for_once_and_in_order(family: str) -> None:
    queue = EagerQueue()
    runner = FixedShape(fixed_layout(family), queue, device=torch.device("cpu"), tokens=PACK, sizes=PACKS)
    runner.outputs(texts_of([MOST_TOKENS] * 8))
    assert queue.waited == list(range(8))


def test_without_a_kernel_packs_of_one_size_give_the_same(family: str) -> None:
    layout = Packed(model_of(family), first_position=0, fixed_tokens=PACK, fixed_texts=LEAST_ROWS)
    texts = texts_of([64, 1, 17, 8, 64, 30])
    assert close(OneByOne(layout, tokens=PACK).outputs(texts), expected(family, texts))
    full = texts_of([MOST_TOKENS, PACK - MOST_TOKENS])
    assert close(OneByOne(layout, tokens=PACK).outputs(full), expected(family, full))


def test_padded_texts_in_runs_of_one_size_give_the_same(family: str) -> None:
    layout = Padded(model_of(family), most_tokens=MOST_TOKENS, fixed_tokens=128)
    runner = OneByOne(layout, tokens=128)
    texts = texts_of([64, 1, 17, 8, 64, 30, 3, 3, 3])
    together = runner.outputs(texts)
    assert close(together, expected(family, texts))
    assert together.tolist() == [runner.outputs([text])[0].tolist() for text in texts]


def test_one_by_one_any_layout_will_do(family: str) -> None:
    texts = texts_of([10, 64, 1])
    outputs = OneByOne(Single(model_of(family)), tokens=64).outputs(texts)
    assert outputs.tolist() == expected(family, texts).tolist()


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_the_bits_stay_and_the_outputs_are_near_those_of_the_cpu(family: str) -> None:
    device = torch.device("cuda")
    sizes = FAMILIES[family] | {"hidden_size": 64}  # flash attention takes heads of 32 and more
    layout = Packed(
        random_classifier(family, **sizes).bfloat16().to(device),
        first_position=0,
        fixed_tokens=PACK,
        fixed_texts=TEXTS,
        kernel=flash_attention,
        longest=MOST_TOKENS,
    )
    runner = FixedShape(layout, CudaQueue(device), device=device, tokens=PACK, sizes=PACKS)
    texts = texts_of([50, 60, 1, 64, 48, 48, 33, 2, 64, 64, 7, 30, 64, 12])
    outputs = runner.outputs(texts)
    assert outputs.tolist() == [runner.outputs([text])[0].tolist() for text in texts]
    assert outputs.tolist() == runner.outputs(texts[::-1]).flip(0).tolist()
    with torch.inference_mode():
        wanted = Single(random_classifier(family, **sizes)).outputs(texts).double()
    assert (outputs - wanted).abs().max().item() < 0.5
