from __future__ import annotations

import pytest

from worker.lab.bias.groups import Group, groups_of
from worker.lab.bias.terms import TERMS
from worker.lab.corpus import Sample


def human(text: str, **groups: str) -> Sample:
    return Sample(text=text, label="human", source="web", groups=groups)


def test_stated_groups_are_compared_with_the_others_of_the_same_question() -> None:
    samples = [human("a", dialect="x"), human("b", dialect="y", age="old"), human("c")]
    stated = [group for group in groups_of(samples) if group.basis == "stated"]
    assert [(group.of, group.name) for group in stated] == [
        ("age", "old"),
        ("dialect", "x"),
        ("dialect", "y"),
    ]
    assert stated[1].members(samples).tolist() == [True, False, False]
    assert stated[1].rest(samples).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("of", "name", "text", "is_member"),
    [
        ("gender", "women", "She left", True),
        ("gender", "women", "The shed", False),
        ("gender", "men", "a woman", False),
        ("race", "Black people", "a black man", True),
        ("race", "Black people", "a black car", False),
        ("race", "White people", "the White House", False),
        ("religion", "Muslims", "A MOSQUE.", True),
        ("religion", "Jews", "jewel", False),
        ("disability", "disabled people", "autistic children", True),
        ("disability", "disabled people", "a blind spot", False),
        ("orientation", "bisexual and queer people", "LGBTQ+ groups", True),
        ("orientation", "heterosexual people", "straight ahead", False),
        ("migration", "migrants", "immigrants", True),
    ],
)
def test_a_mention_is_a_whole_term(of: str, name: str, text: str, *, is_member: bool) -> None:
    group = Group("mentioned", of, name)
    assert group.members([human(text)]).tolist() == [is_member]
    assert group.rest([human(text)]).tolist() == [not is_member]


def test_every_list_of_terms_is_a_group() -> None:
    assert len(groups_of([human("a")])) == sum(len(names) for names in TERMS.values())
