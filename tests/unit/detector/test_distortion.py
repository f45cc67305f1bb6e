from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from worker.detector.distortion import distorted, words_in
from worker.detector.ngrams import NgramSpec, preparation

KEPT = frozenset({"the", "don't", "of"})


def test_words_that_are_not_kept_become_their_length() -> None:
    assert distorted("the tides of 1990 don't wait...", KEPT) == "the ***** of 1990 don't ****..."


def test_part_of_a_word_is_not_the_word() -> None:
    assert distorted("theory often, the café", KEPT) == "****** *****, the ****"


@given(st.text())
def test_a_text_keeps_its_length_and_all_that_is_no_word(text: str) -> None:
    hidden = distorted(text, KEPT)
    assert len(hidden) == len(text)
    assert re.sub(r"[^\W\d_]|'|\*", "", hidden) == re.sub(r"[^\W\d_]|'|\*", "", text)


@given(st.text())
def test_no_word_is_left_but_the_kept(text: str) -> None:
    assert set(words_in([distorted(text, KEPT)])) <= KEPT


def test_texts_on_other_topics_are_prepared_alike() -> None:
    spec = NgramSpec(kept_words=("in", "the"))
    prepare = preparation(spec)
    assert prepare("Rain fell in the Alps") == prepare("Gold rose in the Bank")
    assert preparation(NgramSpec())("Rain fell in the Alps") == " rain fell in the alps "


def test_keeping_no_word_is_not_the_same_as_hiding_none() -> None:
    assert preparation(NgramSpec(kept_words=()))("one two") == " *** *** "
    assert b"kept_words" not in msgspec.json.encode(NgramSpec())
