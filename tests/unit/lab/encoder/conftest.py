from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.support.tiny_transformer import save_bert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Words that the tiny tokenizer knows.
HUMAN = ("bus", "late", "nobody", "mind", "again", "very")
MACHINE = ("tent", "costs", "less", "bad", "night", "good")
BOTH = ("we", "the")


def rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    random = Random(seed)  # noqa: S311 - it guards nothing
    made = []
    for number in range(count):
        machine = number % 2 == 1
        words = [random.choice((MACHINE if machine else HUMAN) + BOTH) for _ in range(random.randint(6, 40))]
        made.append(
            {
                "text": " ".join(words),
                "label": "machine" if machine else "human",
                "source": "made-up:here",
                "generator": "gpt2" if machine else None,
                "sampling": "top_k=40" if machine else None,
                "author": f"{number % 20}",
            }
        )
    return made


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """These models are too small to share out; threads that wait for each other only slow the tests."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("base") / "bert", ("LABEL_0", "LABEL_1"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "made-up.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(400))))
    return path
