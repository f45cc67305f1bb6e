from __future__ import annotations

import pytest

from worker.lab.rewording import each_word, replaced, starts_with_vowel

WORDS = {"area": "region", "big": "enormous", "don't": "dont", "region": "area", "she": "he"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("an area of calm", "a region of calm"),
        ("A region. An Area.", "An area. A Region."),
        ("BIG, Big, big", "ENORMOUS, Enormous, enormous"),
        ("a big area", "an enormous region"),
        ("don\u2019t DON'T bigger", "dont DONT bigger"),
        ("#area @big https://area.example/big area", "#area @big https://area.example/big region"),
        ("ba area", "ba region"),
        ("", ""),
    ],
)
def test_words_are_replaced_with_their_capitals_and_articles(before: str, after: str) -> None:
    assert replaced(before, WORDS.get) == after


def test_each_word_is_offered_whole() -> None:
    seen: list[str] = []

    def note(word: str) -> str:
        seen.append(word)
        return word

    text = "It's 5 o'clock, she-wolf: go www.example.org/now #tag"
    assert each_word(text, note) == text
    assert seen == ["It's", "o'clock", "she", "wolf", "go"]


@pytest.mark.parametrize("word", ["area", "hour", "Iranian", "unimportant", "upset"])
def test_some_words_take_an(word: str) -> None:
    assert starts_with_vowel(word)


@pytest.mark.parametrize("word", ["house", "European", "university", "one", "once", "user", "utility", "y"])
def test_others_do_not(word: str) -> None:
    assert not starts_with_vowel(word)
