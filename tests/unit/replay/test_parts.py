from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from worker.errors import FlagstaffError
from worker.records import Post
from worker.replay.parts import (
    START_CHAIN,
    Gap,
    Score,
    Scored,
    Trailer,
    chained,
    folder_of,
    kept_parts,
    passed,
    paths_of,
    scored_posts,
    write_part,
)
from worker.replay.plan import Range
from worker.replay.reading import Read
from worker.replay.summary import Missing, missing

if TYPE_CHECKING:
    from pathlib import Path


def written(parts: Path, first: int, following: int) -> None:
    folder = folder_of(parts, 0)
    folder.mkdir(exist_ok=True)
    lines = [
        msgspec.json.encode(
            Scored(offset, 0, Post(id=f"p{offset}", text="t"), (Score(0.5, 3, truncated=False),))
        )
        for offset in range(first, following)
    ]
    write_part(folder, lines, Trailer(first=first, next=following, chain=f"{following:064d}"))


def test_parts_go_on_behind_the_last_whole_one(tmp_path: Path) -> None:
    assert kept_parts(folder_of(tmp_path, 0), 5) == (5, START_CHAIN)
    for first in (5, 10, 15):
        written(tmp_path, first, first + 5)
    assert kept_parts(folder_of(tmp_path, 0), 5) == (20, f"{20:064d}")
    assert [one.offset for one in scored_posts(paths_of(tmp_path, 0))] == list(range(5, 20))
    last = paths_of(tmp_path, 0)[-1]
    last.write_bytes(last.read_bytes()[:-1])
    assert kept_parts(folder_of(tmp_path, 0), 5) == (15, f"{15:064d}")
    assert passed(tmp_path, 0) == 10


def test_parts_behind_a_hole_are_made_again(tmp_path: Path) -> None:
    for first in (0, 10):
        written(tmp_path, first, first + 5)
    (folder_of(tmp_path, 0) / "00000000000000000005-00000000000000000010.77").write_bytes(b"half")
    assert kept_parts(folder_of(tmp_path, 0), 0) == (5, f"{5:064d}")
    assert len(list(folder_of(tmp_path, 0).iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 10, -1, -200])
def test_a_part_that_was_cut_off_is_never_read_as_whole(tmp_path: Path, kept: int) -> None:
    written(tmp_path, 0, 5)
    (path,) = paths_of(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FlagstaffError, match="was cut off"):
        list(scored_posts([path]))


def test_a_chain_tells_any_two_records_apart() -> None:
    records = [
        Read(1, 2, b"k", b"v"),
        Read(1, 2, b"kv", b""),
        Read(1, 2, None, b"kv"),
        Read(1, 2, b"kv", None),
        Read(2, 2, b"k", b"v"),
        Read(1, 3, b"k", b"v"),
    ]
    assert len({chained(START_CHAIN, record) for record in records}) == len(records)
    assert chained(START_CHAIN, records[0]) != chained("1" * 64, records[0])


def test_offsets_without_a_record_are_one_line_however_the_parts_were_cut() -> None:
    of = Range(partition=0, warm=0, first=4, end=30, expired=(1, 2))
    trailers = [
        Trailer(first=0, next=10, gaps=[Gap(2, 5), Gap(9, 9)], chain=""),
        Trailer(first=10, next=30, gaps=[Gap(10, 12), Gap(20, 20, expired=True), Gap(21, 21)], chain=""),
    ]
    assert list(missing(of, trailers)) == [
        Missing(partition=0, first=1, last=2, why="expired"),
        Missing(partition=0, first=4, last=5, why="no record"),
        Missing(partition=0, first=9, last=12, why="no record"),
        Missing(partition=0, first=20, last=20, why="expired"),
        Missing(partition=0, first=21, last=21, why="no record"),
    ]
