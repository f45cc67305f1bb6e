from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from worker.lab.corpus import Sample
from worker.lab.cropping import cropped
from worker.text import canonical

WORDS = st.lists(st.text("abc.,", min_size=1, max_size=40), min_size=1, max_size=60)


@given(WORDS, st.integers(0, 999))
def test_a_crop_is_whole_words_of_its_text(words: list[str], seed: int) -> None:
    sample = Sample(text=" ".join(words), label="machine", source="here", author="a", doc="d")
    crop = cropped(sample, Random(seed))  # noqa: S311 - it guards nothing
    if crop is None:
        assert len(sample.text) < 80
        return
    assert f" {crop.text} " in f" {sample.text} "
    assert crop.text == canonical(crop.text)
    assert (crop.label, crop.author, crop.doc) == ("machine", "a", "d")


def test_crops_of_every_size_occur() -> None:
    sample = Sample(text="word " * 200, label="human", source="here")
    random = Random(1)  # noqa: S311 - as above
    sizes = [len(crop.text) for _ in range(400) if (crop := cropped(sample, random))]
    assert sum(size < 60 for size in sizes) > 60
    assert sum(size > 300 for size in sizes) > 60
