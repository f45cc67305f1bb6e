from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.text import canonical, text_digest

ANY_TEXT = st.text(st.characters(exclude_categories=()))
# What the steps act on, so that they meet one another more often than in text drawn from all of Unicode.
TRICKY_TEXT = st.text(
    st.sampled_from(
        "abX  \n\t\u00a0\u200b\u202e\ufeff\x00\x1f\x7f\u0301\u0308\u0344\u0327\u0f73\uff9e\ud800\udfff"
        "\u0430\u0456\u0435\u03c7\u03bf\u03911_'\ufb01\u2460\U000e0041"
    )
)


@given(ANY_TEXT | TRICKY_TEXT)
@example("\u0344" * 40)
@example("c\u0430\u0301")
@example("\ud800\udc00")
def test_canonical_is_idempotent_and_can_be_digested(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
    assert len(text_digest(once)) == 32


@given(ANY_TEXT | TRICKY_TEXT)
def test_what_is_left_is_printable_text_with_single_spaces(text: str) -> None:
    left = canonical(text)
    assert left == " ".join(left.split())
    assert left == unicodedata.normalize("NFKC", left)
    assert not {unicodedata.category(character) for character in left} & {"Cc", "Cs"}


@given(st.text(st.characters(max_codepoint=127)))
def test_the_fast_way_for_ascii_gives_what_the_long_way_gives(text: str) -> None:
    # A zero-width space, which the long way removes, keeps a text off the fast way.
    assert canonical(text) == canonical(text + "\u200b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  plain\r\n\ttext  ", "plain text"),
        ("one\u2028two\x0bthree\u3000four\x85five", "one two three four five"),
        ("zero\u200bwidth\u200d joi\ufeffned", "zerowidth joined"),
        ("\u202egpj.exe\u202c", "gpj.exe"),
        ("soft\u00adhyphen", "softhyphen"),
        ("h\U000e0069dden tags", "hdden tags"),
        ("\x07bell\x00", "bell"),
        (
            "\u2460\ufb01ne \uff46\uff55\uff4c\uff4c \U0001d41b\U0001d428\U0001d425\U0001d41d\u2026",
            "1fine full bold...",
        ),
        ("p\u0430yp\u0430l and \u0391pple", "paypal and Apple"),
        ("\u0441\u0430\u0301fe ca\u0301fe", "cáfe cáfe"),
        ("the \u0440\u0430\u0441\u0435 of \u0430 dog", "the pace of a dog"),
        ("\u0421\u041e\u0420\u0415, they say", "COPE, they say"),
        ("\U0001d6fclpha", "alpha"),
        ("lone \ud83d surrogate", "lone \ufffd surrogate"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_what_hides_is_taken_away(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Привет, мир",
        "Καλημέρα κόσμε",
        "Союз and NATO",
        "5 μm",
        "café naïve",
        "中文",
        "ЯndeЖ",
        "\u0441\u043e\u0440",
        "\u043e\u0441\u0430 \u0438 you",
        "\u03bd is a frequency",
    ],
)
def test_honest_text_in_any_script_stays(text: str) -> None:
    assert canonical(text) == text


def test_the_digest_tells_texts_apart_and_is_the_same_everywhere() -> None:
    assert text_digest("a") == text_digest("a")
    assert text_digest("a") != text_digest("b")
    assert text_digest("") == "cae66941d9efbd404e4d88758ea67670"


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0344", "\u0f73", "\uff9e\u0301"])
def test_half_a_million_accents_on_one_letter_take_no_time(marks: str) -> None:
    begin = time.monotonic()
    assert len(canonical("a" + marks * (500_000 // len(marks)))) < 1_000_000
    # Sorting them would take hours; the bound is far above what it takes and far below that.
    assert time.monotonic() - begin < 20
