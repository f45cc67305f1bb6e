from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.detector.ngrams import NgramSpec, chunks, ngram_buckets, prepared

TEXTS = st.lists(st.text(st.characters(codec=None), max_size=40).map(prepared), min_size=1, max_size=8)
SPECS = st.builds(
    lambda ends, bits: NgramSpec(shortest=min(ends), longest=max(ends), bits=bits),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.integers(8, 24),
)


def buckets_of(text: str, spec: NgramSpec) -> list[list[int]]:
    _, orders, _ = ngram_buckets([text], spec)
    return [buckets.tolist() for buckets in orders]


@given(TEXTS, SPECS)
def test_the_ngrams_of_a_text_are_the_same_alone_and_beside_others(texts: list[str], spec: NgramSpec) -> None:
    begins, orders, counts = ngram_buckets(texts, spec)
    for index, text in enumerate(texts):
        within = slice(begins[index], begins[index] + len(text))
        assert [buckets[within].tolist() for buckets in orders] == buckets_of(text, spec)
        lengths = range(spec.shortest, spec.longest + 1)
        assert counts[index] == sum(max(0, len(text) - length + 1) for length in lengths)


@given(TEXTS, SPECS)
def test_there_is_a_bucket_exactly_where_an_ngram_fits(texts: list[str], spec: NgramSpec) -> None:
    for text in texts:
        for length, buckets in enumerate(buckets_of(text, spec), spec.shortest):
            fits = np.arange(len(text)) <= len(text) - length
            assert ((np.array(buckets) < spec.buckets) == fits).all()


@given(st.text(min_size=1, max_size=8), st.text(max_size=20), st.text(max_size=20))
def test_an_ngram_has_the_same_bucket_wherever_it_stands(ngram: str, before: str, after: str) -> None:
    spec = NgramSpec(shortest=len(ngram), longest=len(ngram))
    [alone] = buckets_of(ngram, spec)
    [inside] = buckets_of(before + ngram + after, spec)
    assert inside[len(before)] == alone[0]


def test_different_ngrams_spread_over_the_buckets() -> None:
    spec = NgramSpec(shortest=4, longest=4, bits=18)
    [buckets] = buckets_of("".join(map(chr, range(0x21, 0x2000))), spec)
    # As many as balls that fall at random: 8,000 in 262,144 share about 120 times.
    assert len(set(buckets)) > 7_700


def test_links_names_and_case_tell_nothing() -> None:
    plain = prepared("So http://a.example/x?y=1 says @someone, OK")
    assert plain == prepared("so https://other.example SAYS @Another_1, ok")
    assert "someone" not in plain
    assert "example" not in plain


@given(st.lists(st.text(max_size=9).map(lambda text: text * 1_000), max_size=30))
def test_chunks_leave_nothing_out_and_keep_the_order(texts: list[str]) -> None:
    assert [text for chunk in chunks(texts) for text in chunk] == texts


def test_the_longest_is_not_below_the_shortest() -> None:
    with pytest.raises(ValueError, match="shortest"):
        NgramSpec(shortest=3, longest=2)
