from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.ruled_detector import RuledDetector
from worker.lab.evaluation.logit_cache import CachedDetector
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def words(text: str) -> float:
    return len(text.split()) / 3


def test_a_text_is_scored_once_also_by_the_next_run(tmp_path: Path) -> None:
    plain = RuledDetector(words)
    first = CachedDetector(plain, tmp_path)
    texts = ["a b", "c", "d e f"]
    found = first.logits(first.encode(texts))
    assert found == [words(text) for text in texts]
    assert first.logits(first.encode(["c", "new one", "a b"])) == [1 / 3, 2 / 3, 2 / 3]
    assert plain.texts_scored == 4

    other = RuledDetector(words)
    again = CachedDetector(other, tmp_path)
    encoded = again.encode(texts)
    assert [one.tokens for one in encoded] == [2, 1, 3]
    assert again.logits(encoded) == found
    assert other.texts_scored == 0


def test_another_detector_has_its_own_logits(tmp_path: Path) -> None:
    first = CachedDetector(RuledDetector(words), tmp_path)
    first.logits(first.encode(["a b"]))
    changed = RuledDetector(lambda _: -1.0)
    changed.digest = "1" * 32
    other = CachedDetector(changed, tmp_path)
    assert other.logits(other.encode(["a b"])) == [-1.0]


def test_no_text_is_kept(tmp_path: Path) -> None:
    cached = CachedDetector(RuledDetector(words), tmp_path)
    cached.logits(cached.encode(["a secret"]))
    [file] = tmp_path.iterdir()
    assert b"secret" not in file.read_bytes()


def test_a_line_that_was_cut_off_is_scored_again(tmp_path: Path) -> None:
    cached = CachedDetector(RuledDetector(words), tmp_path)
    cached.logits(cached.encode(["a b", "c"]))
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    plain = RuledDetector(words)
    mended = CachedDetector(plain, tmp_path)
    assert mended.logits(mended.encode(["a b", "c"])) == [2 / 3, 1 / 3]
    assert plain.texts_scored == 1
    third = RuledDetector(words)
    whole = CachedDetector(third, tmp_path)
    whole.logits(whole.encode(["a b", "c"]))
    assert third.texts_scored == 0


def test_what_holds_no_logits_is_named(tmp_path: Path) -> None:
    cached = CachedDetector(RuledDetector(words), tmp_path)
    cached.logits(cached.encode(["a b"]))
    [file] = tmp_path.iterdir()
    file.write_text("nothing of the kind\n")
    with pytest.raises(CorpusError, match=f"{file} holds no logits.*delete it"):
        CachedDetector(RuledDetector(words), tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CorpusError, match="can't keep logits"):
        CachedDetector(RuledDetector(words), blocked)
