"""What is measured of one model on one device."""

from __future__ import annotations

import random
import statistics
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch

from worker.detector.layout import Single

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.detector.transformer import Runner

Texts = tuple[tuple[int, ...], ...]

_PACKS: Final = 20
_TEXTS_A_PACK: Final = 40
_COMPARED: Final = 24


class Speed(NamedTuple):
    """One way to score the posts.

    Attributes:
        seconds: of each round.
        cpu_seconds: of this process in each round, all threads together.
    """

    seconds: list[float]
    cpu_seconds: list[float]

    def posts_per_s(self, posts: int) -> float:
        """In the median round."""
        return posts / statistics.median(self.seconds)

    def cpu_s_per_1000_posts(self, posts: int) -> float:
        """In the median round."""
        return 1000 * statistics.median(self.cpu_seconds) / posts


def interleaved(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Speed]:
    """Runs every way once a round, round after round, after one that does not count."""
    speeds = {name: Speed([], []) for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            began, cpu_began = time.perf_counter(), time.process_time()
            run()
            if number:
                speeds[name].seconds.append(time.perf_counter() - began)
                speeds[name].cpu_seconds.append(time.process_time() - cpu_began)
    return speeds


class MatmulRate(NamedTuple):
    """The device's own rate at the product of two square matrices, operations a second.

    Attributes:
        best: of ten short runs, before its power holds it back.
        lasting: over seconds, as its power allows.
    """

    best: float
    lasting: float


def matmul_rate(device: torch.device, dtype: torch.dtype, size: int, seconds: float = 2.0) -> MatmulRate:
    """Measures a device's own rate."""
    left = torch.randn(size, size, device=device, dtype=dtype)
    right = torch.randn(size, size, device=device, dtype=dtype)

    def rate(times: int) -> float:
        _wait(device)
        began = time.perf_counter()
        for _ in range(times):
            left @ right
        _wait(device)
        return times * 2.0 * size**3 / (time.perf_counter() - began)

    best = max(rate(8) for _ in range(10))
    return MatmulRate(best, rate(max(8, int(seconds * best / (2.0 * size**3)))))


def padded_rate(model: Any, texts: Texts, batch: int = 64) -> Callable[[], None]:
    """The same model as transformers runs it, sorted by length and padded: what one would write first."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    groups = [
        [texts[place] for place in order[begin : begin + batch]] for begin in range(0, len(order), batch)
    ]

    def run() -> None:
        with torch.inference_mode():
            for group in groups:
                longest = max(map(len, group))
                padding = model.config.pad_token_id
                ids = torch.tensor([[*text, *[padding] * (longest - len(text))] for text in group])
                ids = ids.to(model.device)
                model(input_ids=ids, attention_mask=(ids != padding).long()).logits.cpu()

    return run


def differing_bits(runner: Runner, texts: Texts, seed: int = 0) -> int:
    """How many of many texts get another logit among other neighbours; 0 is what is promised."""
    chance = random.Random(seed)  # noqa: S311 - texts are drawn
    whole = runner.outputs(texts)
    differing = 0
    for _ in range(_PACKS):
        places = chance.sample(range(len(texts)), min(len(texts), chance.randint(1, _TEXTS_A_PACK)))
        again = runner.outputs([texts[place] for place in places])
        differing += int((again != whole[torch.tensor(places)]).any(1).sum())
    return differing


def worst_difference(runner: Runner, reference: Any, texts: Sequence[Sequence[int]]) -> float:
    """How far logits lie from those of float32 on the CPU, one text at a time, at most."""
    some = list(texts[:_COMPARED])
    with torch.inference_mode():
        expected = Single(reference).outputs(some).double()
    found = runner.outputs(some)
    return float(((found[:, 1] - found[:, 0]) - (expected[:, 1] - expected[:, 0])).abs().max())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
