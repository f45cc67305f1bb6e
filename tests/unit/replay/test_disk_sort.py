from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct

from worker.replay.disk_sort import batches, sorted_on_disk

if TYPE_CHECKING:
    from pathlib import Path


class Item(Struct, array_like=True):
    number: int
    text: str


def by_number(item: Item) -> tuple[int, ...]:
    return (item.number,)


@pytest.mark.parametrize("run_bytes", [1, 300, 10**6])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_items_come_in_order_whatever_fits_into_memory(tmp_path: Path, run_bytes: int, count: int) -> None:
    items = [Item(number, f"text {number}\n") for number in range(count)]
    random.Random(3).shuffle(items)  # noqa: S311 - reproducible, not secret
    folder = tmp_path / "runs"
    found = sorted_on_disk(iter(items), Item, by_number, folder, run_bytes=run_bytes, fan_in=3)
    assert [item.number for item in found] == list(range(count))
    assert not folder.exists() or not list(folder.iterdir())


def test_what_fits_into_memory_never_touches_the_disk(tmp_path: Path) -> None:
    list(sorted_on_disk([Item(2, ""), Item(1, "")], Item, by_number, tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_batches_hold_so_many_and_the_rest() -> None:
    items = [Item(number, "") for number in range(5)]
    assert [[item.number for item in batch] for batch in batches(items, 2)] == [[0, 1], [2, 3], [4]]
