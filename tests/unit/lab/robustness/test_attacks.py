"""The attacks, one by one."""

from __future__ import annotations

import pytest

from worker.lab.robustness.attack import Attack, attacked
from worker.lab.robustness.catalogue import attacks
from worker.lab.robustness.spelling import BRITISH, MISSPELLINGS
from worker.lab.robustness.synonyms import PLAINER, SYNONYMS
from worker.text import canonical

DONORS = ["I never saw the old house again. We went home by the sea.", "Another text with words of its own."]
ATTACKS = {attack.name: attack for attack in attacks(DONORS)}
TEXT = (
    "She could see a big area of the country from her favorite seat, because they don't keep the case there; "
    "people said it was a copy of something else entirely. https://t.co/abc @someone #hope"
)
RAW = {"homoglyphs", "homoglyph words", "rare homoglyphs", "fullwidth", "zero width", "wide spaces"}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_changes_the_text_the_same_way_each_time(name: str) -> None:
    attack = ATTACKS[name]
    # One in ten words of one text may all be spared.
    changed = {attacked(attack, TEXT, seed) for seed in range(8)}
    assert changed != {TEXT}
    assert {attacked(attack, TEXT, seed) for seed in range(8)} == changed


@pytest.mark.parametrize("name", ATTACKS)
def test_it_stands_any_text(name: str) -> None:
    for text in ("", "a", "\U0001f600", "...", "https://t.co/abc", "\u0441\u043b\u043e\u0432\u043e"):
        assert isinstance(attacked(ATTACKS[name], text, 0), str)


@pytest.mark.parametrize(
    "name", sorted(set(ATTACKS) - {"zero width", "half human", "words deleted", "words doubled"})
)
def test_links_and_names_stay(name: str) -> None:
    changed = attacked(ATTACKS[name], TEXT, 0)
    assert "https://t.co/abc" in changed
    assert "@someone" in changed
    assert "#hope" in changed


@pytest.mark.parametrize("name", ["fullwidth", "zero width", "wide spaces"])
def test_the_canonical_form_undoes_it(name: str) -> None:
    assert attacked(ATTACKS[name], TEXT, 0) != TEXT
    assert canonical(attacked(ATTACKS[name], TEXT, 0)) == TEXT


def test_the_canonical_form_folds_lookalikes_beside_latin_letters() -> None:
    text = "Nothing that grows here passes"
    changed = attacked(ATTACKS["homoglyphs"], text, 1)
    assert changed != text
    assert not changed.isascii()
    assert canonical(changed) == text


def test_words_written_in_cyrillic_as_a_whole_look_the_same() -> None:
    changed = attacked(ATTACKS["homoglyph words"], "see the case", 0)
    assert changed == "\u0455\u0435\u0435 the \u0441\u0430\u0455\u0435"


def test_only_attacks_on_characters_and_spaces_go_beyond_the_canonical_form() -> None:
    beyond = {
        name
        for name, attack in ATTACKS.items()
        if canonical(attacked(attack, TEXT, 3)) != attacked(attack, TEXT, 3)
    }
    assert beyond <= RAW | {"no punctuation"}


def test_case() -> None:
    assert attacked(ATTACKS["lower case"], "So It Goes", 0) == "so it goes"
    assert attacked(ATTACKS["upper case"], "So It Goes", 0) == "SO IT GOES"
    mixed = attacked(ATTACKS["mixed case"], TEXT, 0)
    assert mixed != TEXT
    assert mixed.lower() == TEXT.lower()


def test_spaces_and_punctuation() -> None:
    assert attacked(ATTACKS["loose punctuation"], "So, it goes. 3.5 is a.b", 0) == "So , it goes . 3.5 is a.b"
    assert attacked(ATTACKS["no punctuation"], "So, it's fine.", 0) == "So its fine"
    assert attacked(ATTACKS["joined words"], TEXT, 0).replace(" ", "") == TEXT.replace(" ", "")


def test_a_typo_keeps_the_first_and_last_letter() -> None:
    for seed in range(30):
        pairs = zip(TEXT.split(), attacked(ATTACKS["typos"], TEXT, seed).split(), strict=True)
        assert all(one[0] == other[0] and one[-1] == other[-1] for one, other in pairs)


def test_spellings_are_those_of_the_tables() -> None:
    assert attacked(ATTACKS["misspelling"], "Because of the government", 0) == "Becuase of the goverment"
    assert attacked(ATTACKS["British spelling"], "My favorite color", 0) == "My favourite colour"
    for table in (MISSPELLINGS, BRITISH):
        assert all(word and other and word != other for word, other in table.items())
        assert not any(" " in word for word in table)


def test_synonyms_lead_back_to_the_plainer_word() -> None:
    assert attacked(ATTACKS["synonyms"], "an area", 0) == "a region"
    assert all(PLAINER[other] == plain for plain, others in SYNONYMS.items() for other in others)
    assert not set(SYNONYMS) & set(PLAINER)


def test_words_are_deleted_and_doubled() -> None:
    words = " ".join(f"w{number}" for number in range(500))
    kept = attacked(ATTACKS["words deleted"], words, 0).split()
    assert 400 < len(kept) < 490
    assert set(kept) < set(words.split())
    doubled = attacked(ATTACKS["words doubled"], words, 0).split()
    assert 510 < len(doubled) < 600
    assert list(dict.fromkeys(doubled)) == words.split()
    articles = attacked(ATTACKS["articles deleted"], "the a an The " * 50 + "end", 0)
    assert 60 < len(articles.split()) < 140


def test_a_humans_words_are_spliced_in() -> None:
    appended = attacked(ATTACKS["human sentence"], "One. Two.", 0)
    assert appended.removeprefix("One. Two. ") in {*DONORS[0].replace(". ", ".\n").split("\n"), DONORS[1]}
    mixed = attacked(ATTACKS["half human"], "m1 m2 m3 m4 m5", 0)
    assert mixed.endswith("m4 m5")
    assert mixed.removesuffix(" m4 m5") in {" ".join(text.split()[:3]) for text in DONORS}


def test_human_texts_without_a_sentence_serve_whole() -> None:
    [human, _] = attacks(["Hm."])[-2:]
    assert attacked(human, "Text.", 0) == "Text. Hm."


def test_another_text_or_attack_draws_anew() -> None:
    def draw(name: str, text: str) -> str:
        return attacked(Attack(name, "", lambda _, random: str(random.random())), text, 0)

    assert draw("a", "x") == draw("a", "x")
    assert len({draw("a", "x"), draw("b", "x"), draw("a", "y")}) == 3
