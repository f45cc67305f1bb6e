from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tiny_transformer import SENTENCES, save_bert, save_gpt2, save_roberta
from worker.detector.pretrained import load_transformer
from worker.detector.windows import OVERLAP, Window, combined, windows_of
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.detector.transformer import TransformerDetector

MOST_TOKENS: Final = 32
STRIDE: Final = int(MOST_TOKENS * OVERLAP)
# Each token that a tokenizer adds to a window takes the place of one of the text's.
SAVED: Final[dict[str, tuple[Callable[[Path], Path], int]]] = {
    "roberta": (save_roberta, 2),
    "bert": (save_bert, 2),
    "gpt2": (save_gpt2, 0),
}


def parts(tokens: list[int], length: int, stride: int) -> list[list[int]]:
    """A text's windows as tokenizers cut them."""
    cut = [tokens[:length]]
    while (begin := len(cut) * (length - stride)) + stride < len(tokens):
        cut.append(tokens[begin : begin + length])
    return cut


@given(
    st.integers(0, 400),
    st.integers(2, 64).flatmap(lambda length: st.tuples(st.just(length), st.integers(0, length - 1))),
    st.integers(1, 9),
)
def test_the_windows_looked_at_show_each_token_once_as_fresh(
    count: int, sizes: tuple[int, int], most: int
) -> None:
    length, stride = sizes
    cut = parts(list(range(count)), length, stride)
    windows, left_out = windows_of(cut, stride, most)
    assert [window.tokens for window in windows] == cut[:most]
    assert left_out == (len(cut) > most)
    seen = {token for window in windows for token in window.tokens}
    assert seen == set(range(max(seen, default=-1) + 1))
    if not left_out:
        assert len(seen) == count
    assert sum(window.fresh for window in windows) == len(seen)


@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 512)), min_size=1, max_size=9))
def test_a_text_s_logit_is_the_mean_weighted_by_fresh_tokens(parts: list[tuple[float, int]]) -> None:
    logits = [logit for logit, _ in parts]
    windows = [Window([0] * fresh, fresh) for _, fresh in parts]
    each = [logit for logit, fresh in parts for _ in range(fresh)]
    assert combined(logits, windows) == pytest.approx(sum(each) / len(each), abs=1e-9)
    assert min(logits) - 1e-9 <= combined(logits, windows) <= max(logits) + 1e-9


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 512))
def test_one_window_s_logit_is_left_as_it_is(logit: float, fresh: int) -> None:
    assert combined([logit], [Window([0], fresh)]) == logit


@pytest.fixture(scope="module", params=SAVED)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    save, added = SAVED[request.param]
    return save(tmp_path_factory.mktemp(request.param)), added


def load(folder: Path, **more: Any) -> TransformerDetector:
    settings = DetectorSettings(model=str(folder), device="cpu", dtype="float32", **more)
    return load_transformer(folder, None, settings, name="tiny")


def text_of(detector: TransformerDetector, tokens: int) -> str:
    """A text of so many tokens, those that the tokenizer adds not counted."""
    text = "a" + " a" * (tokens - 1)
    (encoded,) = detector.encode([text])
    assert sum(window.fresh for window in encoded.payload) >= tokens
    return text


@pytest.mark.parametrize(("max_windows", "looked_at"), [(1, 1), (2, 2), (8, 4)])
def test_a_text_of_three_windows_and_a_half(
    saved: tuple[Path, int], max_windows: int, looked_at: int
) -> None:
    folder, added = saved
    own = MOST_TOKENS - added
    step = own - STRIDE
    detector = load(folder, max_windows=max_windows)
    text = text_of(load(folder, max_windows=99), own + 2 * step + step // 2)
    (encoded,) = detector.encode([text])
    windows: list[Window] = encoded.payload
    assert len(windows) == looked_at
    assert encoded.truncated == (looked_at < 4)
    assert encoded.tokens == sum(len(window.tokens) for window in windows)
    assert all(len(window.tokens) == MOST_TOKENS for window in windows[:3])
    for before, after in pairwise(windows):
        end, begin = (0, 0) if added == 0 else (-1, 1)
        inner = before.tokens[begin : end or None], after.tokens[begin : end or None]
        assert inner[0][-STRIDE:] == inner[1][:STRIDE]
        assert after.fresh == len(after.tokens) - STRIDE
    (logit,) = detector.logits([encoded])
    each = detector.logits([encoded._replace(payload=[window]) for window in windows])
    assert logit == combined(each, windows)
    if looked_at == 1:
        assert logit == each[0]


def test_a_text_is_truncated_only_where_something_is_left_out(saved: tuple[Path, int]) -> None:
    folder, added = saved
    detector = load(folder, max_windows=2)
    most = 2 * (MOST_TOKENS - added) - STRIDE
    for tokens in range(most - 2, most + 3):
        (encoded,) = detector.encode(["a" + " a" * (tokens - 1)])
        assert encoded.truncated == (tokens > most)


def test_windows_beside_other_texts_give_the_same_bits(saved: tuple[Path, int]) -> None:
    detector = load(saved[0])
    long = " ".join(SENTENCES * 5)
    texts = [long, "a", *SENTENCES, long[:300], ""]
    alone = [detector.logits(detector.encode([text]))[0] for text in texts]
    assert detector.logits(detector.encode(texts)) == alone
