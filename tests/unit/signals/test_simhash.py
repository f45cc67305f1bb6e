from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.signals.near_duplicate import FARTHEST
from worker.signals.simhash import LONGEST, SHORTEST, distance, normal_form, simhashes

TEXT = "The morning ferry left without anybody aboard but the gulls, who looked as if they owned the place"
LETTERS = st.text(st.characters(categories=["Ll", "Zs"]), max_size=120)


def fingerprint(text: str) -> int:
    (found,) = simhashes([text])
    assert found is not None
    return found


def test_what_templates_vary_is_not_compared() -> None:
    variants = [
        f"@someone {TEXT}",
        f"{TEXT} https://x.example/abc?n=17",
        f"{TEXT.upper()}!!!",
        TEXT.replace("gulls", "gulllllls"),
        f"#17 {TEXT} 2026",
    ]
    same = fingerprint(TEXT.replace("gulls", "gulls"))
    assert [distance(same, fingerprint(variant)) for variant in variants[:3]] == [0, 0, 0]
    assert fingerprint(variants[4]) == same
    assert distance(same, fingerprint(variants[3])) <= FARTHEST


def test_another_text_is_far_away() -> None:
    other = "Parliament has adjourned the debate on the water levy until the week after next, said its clerk"
    assert distance(fingerprint(TEXT), fingerprint(other)) > 3 * FARTHEST


def test_a_repeated_run_does_not_make_texts_alike() -> None:
    run = " ha ha ha ha ha ha ha ha ha ha ha ha"
    one, other = f"{TEXT}{run}", f"who would have thought that of our neighbours{run}"
    assert distance(fingerprint(one), fingerprint(other)) > FARTHEST


def test_too_few_letters_have_no_fingerprint() -> None:
    assert simhashes(["", "12345 67890 " * 20, "a" * 200, "x y " * (SHORTEST // 8)]) == [None] * 4


@given(st.lists(LETTERS, max_size=12))
def test_a_fingerprint_depends_on_its_own_text_alone(texts: list[str]) -> None:
    assert simhashes(texts) == [simhashes([text])[0] for text in texts]


@given(LETTERS)
def test_it_is_the_majority_of_the_distinct_trigrams(text: str) -> None:
    form = normal_form(text)
    (found,) = simhashes([text])
    if len(form) < SHORTEST:
        assert found is None
        return
    grams = {form[start : start + 3] for start in range(len(form) - 2)}
    votes = [sum(gram_bits >> bit & 1 for gram_bits in map(_bits, grams)) for bit in range(64)]
    assert found == sum((2 * vote > len(grams)) << bit for bit, vote in enumerate(votes))


def test_many_long_texts_take_bounded_parts() -> None:
    texts = [f"{chr(97 + n)} {TEXT * 50}" for n in range(26)] * 2
    assert simhashes(texts)[:26] == [fingerprint(text) for text in texts[:26]]
    assert len(normal_form(TEXT * 5_000)) <= LONGEST


def _bits(gram: str) -> int:
    first, second, third = map(ord, gram)
    return _mixed(_mixed(first << 42 | second << 21 | third) >> 16 << 16)


def _mixed(value: int) -> int:
    mask = (1 << 64) - 1
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
    value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
    return value ^ value >> 31
