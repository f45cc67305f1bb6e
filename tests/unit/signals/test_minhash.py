from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.signals.minhash import HASHES, LONGEST, SHORTEST, Signature, normal_form, signatures
from worker.signals.near_duplicate import NEAR

TEXT = "The morning ferry left without anybody aboard but the gulls, who looked as if they owned the place"
LETTERS = st.text(st.characters(categories=["Ll", "Zs"]), max_size=120)
WORDS = st.lists(st.sampled_from(TEXT.lower().replace(",", "").split()), min_size=12, max_size=30)


def signature(text: str) -> Signature:
    (found,) = signatures([text])
    assert found is not None
    return found


def agreeing(one: str, other: str) -> int:
    return sum(a == b for a, b in zip(signature(one).bytes, signature(other).bytes, strict=True))


def meet(one: str, other: str) -> bool:
    return any(a == b for a, b in zip(signature(one).bands, signature(other).bands, strict=True))


def test_what_templates_vary_is_not_compared() -> None:
    variants = [
        f"@someone {TEXT}",
        f"{TEXT} https://x.example/abc?n=17",
        f"{TEXT.upper()}!!!",
        f"#17 {TEXT} 2026",
    ]
    assert {signature(variant) for variant in variants} == {signature(TEXT)}
    assert signature(TEXT.replace("gulls", "gulllls")) == signature(TEXT.replace("gulls", "gulllllllls"))


def test_a_changed_word_is_near_and_another_text_is_not() -> None:
    for word, other in (("ferry", "train"), ("gulls", "crew"), ("owned", "had bought"), ("morning", "first")):
        changed = TEXT.replace(word, other)
        assert agreeing(TEXT, changed) >= NEAR
        assert meet(TEXT, changed)
    other = "Parliament has adjourned the debate on the water levy until the week after next, said its clerk"
    assert agreeing(TEXT, other) < NEAR / 2


def test_a_repeated_run_does_not_make_texts_alike() -> None:
    run = " ha ha ha ha ha ha ha ha ha ha ha ha"
    one, other = f"{TEXT}{run}", f"who would have thought that of our neighbours{run}"
    assert agreeing(one, other) < NEAR / 2


def test_too_few_letters_have_no_signature() -> None:
    assert signatures(["", "12345 67890 " * 20, "a" * 200, "x y " * (SHORTEST // 8)]) == [None] * 4


@given(st.lists(LETTERS, max_size=12))
def test_a_signature_depends_on_its_own_text_alone(texts: list[str]) -> None:
    assert signatures(texts) == [signatures([text])[0] for text in texts]


@given(WORDS, WORDS)
def test_the_same_sequences_have_the_same_signature_in_any_order(some: list[str], more: list[str]) -> None:
    one, other = " ".join(some), " ".join(more)
    # Both hold the same sequences: those of each part, and those where the parts meet.
    assert signature(f"{one} {other} {one} {other}") == signature(
        f"{one} {other} {one} {other} {one} {other}"
    )


def test_agreement_is_about_the_share_of_what_is_common() -> None:
    texts = [" ".join(TEXT.split()[first : first + 12]) for first in range(6)]
    for one in texts:
        for other in texts:
            sets = [
                {form[n : n + 3] for n in range(len(form) - 2)} for form in map(normal_form, (one, other))
            ]
            jaccard = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
            assert abs(agreeing(one, other) / HASHES - jaccard) < 0.35


def test_many_long_texts_are_handled_in_parts() -> None:
    texts = [f"{chr(97 + n)} {TEXT * 50}" for n in range(26)] * 2
    assert signatures(texts)[:26] == [signature(text) for text in texts[:26]]
    assert len(normal_form(TEXT * 5_000)) <= LONGEST


def test_it_stays_the_same_over_versions() -> None:
    # What stands in Redis was written by other workers: changing this needs other keys.
    assert signature(TEXT).bands == (57230, 16110, 28283, 54000, 29020)
    assert signature(TEXT).bytes.hex() == "dace1ba0d9be7b763cd0ba3a39a5948f9c55b7f1c4af449256"
