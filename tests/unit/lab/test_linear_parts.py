from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from worker.commands import main
from worker.detector.loading import load_detector
from worker.detector.ngrams import NgramSpec
from worker.lab.calibrating import auroc
from worker.lab.corpus import Sample, read_samples
from worker.lab.cross_fitting import cross_fit, pieces_of
from worker.lab.linear_parts import LinearPart, fit_part
from worker.lab.lines import CorpusError
from worker.lab.stacking import Combination, GeneratorGroup
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EARLY = ("maybe", "laughed", "rain", "quietly", "stone")
LATE = ("delve", "tapestry", "robust", "unlock", "vibrant")
COMMON = ("the", "of", "and", "river", "lake", "neighbour", "while", "fell")
GROUPS = (GeneratorGroup(name="late", generators=("late-1", "late-2")),)


def rows(count: int, seed: int) -> list[dict[str, str]]:
    """Humans use both kinds of words; each generator overdoes one and never uses the other."""
    random = Random(seed)  # noqa: S311 - it guards nothing
    made = []
    for number in range(count):
        generator = ("early", "late-1", "early", "late-2")[number // 2 % 4] if number % 2 else None
        liked = (*EARLY, *LATE) if generator is None else EARLY if generator == "early" else LATE
        words = [random.choice((*COMMON, *liked)) for _ in range(random.randint(15, 60))]
        row = {"text": " ".join(words), "source": "made-up", "author": f"{seed}-{number % 80}"}
        label = {"label": "human"} if generator is None else {"label": "machine", "generator": generator}
        made.append(row | label)
    return made


def samples(count: int, seed: int) -> list[Sample]:
    return [Sample(**row) for row in rows(count, seed)]  # type: ignore[arg-type]  # a label is a plain string here


def area(logits: Sequence[float], made: Sequence[Sample]) -> float:
    machine = np.array([one.is_machine for one in made])
    return auroc(np.array(logits)[~machine], np.array(logits)[machine])


def test_a_member_learns_its_groups_texts_and_says_something_of_all() -> None:
    made = samples(800, 1)
    pieces = pieces_of(made, crops_seed=0, folds_seed=0)
    part = LinearPart(groups=("late",))
    fitted = fit_part(part, pieces, Combination(groups=GROUPS), lambda _: None)
    assert len(fitted.logits) == len(pieces.samples) > len(made)
    fresh = samples(400, 2)
    logits = fitted.detector.logits(fitted.detector.encode([one.text for one in fresh]))
    by = [one.generator or "human" for one in fresh]
    mean = {
        name: np.mean([logit for logit, who in zip(logits, by, strict=True) if who == name])
        for name in set(by)
    }
    assert mean["late-1"] > mean["human"] + 2
    assert mean["late-2"] > mean["human"] + 2
    # It was never told that the early one's are a machine's: to it they look even less like the late ones'.
    assert mean["early"] < mean["human"]
    assert (part.name, LinearPart(keep_words=9).name) == ("late-all-words", "9-words")


def test_the_logits_of_what_is_learned_from_are_of_weights_that_had_not_seen_the_author() -> None:
    # Every author has a sign of his own, and nothing else tells.
    made = [
        Sample(
            text=" ".join([chr(ord("a") + number % 24)] * (9 + number // 24)),
            label="machine" if number % 2 else "human",
            source="s",
            author=f"{number % 24}",
        )
        for number in range(480)
    ]
    pieces = pieces_of(made, crops_seed=0, folds_seed=0)
    everything = np.ones(len(pieces.samples), bool)
    fit = cross_fit(pieces, everything, NgramSpec(bits=12), 1e-4, lambda _: None)
    known = fit_part(LinearPart(), pieces, Combination(), lambda _: None).detector
    assert area(known.logits(known.encode([one.text for one in made])), made) > 0.99
    assert area(fit.logits[: len(made)].tolist(), made) < 0.7


def test_a_group_without_texts_is_one_clear_line() -> None:
    pieces = pieces_of(
        [replace(one, generator="early") for one in samples(200, 1)], crops_seed=0, folds_seed=0
    )
    with pytest.raises(
        CorpusError, match="member late-all-words can't be trained: no text is by a generator of late"
    ):
        fit_part(LinearPart(groups=("late",)), pieces, Combination(groups=GROUPS), lambda _: None)


def test_texts_of_one_author_can_not_be_cross_fitted() -> None:
    made = [replace(one, author=one.label) for one in samples(200, 1)]
    pieces = pieces_of(made, crops_seed=0, folds_seed=0)
    with pytest.raises(CorpusError, match="texts of one label only"):
        fit_part(LinearPart(), pieces, Combination(), lambda _: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "made-up.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(3_000, 7))))
    return path


def trained(out: Path, data: Path, *more: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "train",
                "--kind",
                "stacked",
                "--hold-out-authors",
                "0.4",
                "--data",
                str(data),
                "--out",
                str(out),
                *more,
            ]
        )
    return ended.value.code


def test_members_are_trained_and_combined_by_one_command(tmp_path: Path, data: Path) -> None:
    out, held = tmp_path / "stack", tmp_path / "held.jsonl"
    asked = [
        "--linear",
        "all",
        "--linear",
        "8:rest+late",
        "--linear",
        "all:late",
        "--group",
        "late=late-1,late-2",
    ]
    assert trained(out, data, *asked, "--held-out", str(held)) == 0
    manifest = json.loads((out / "detector.json").read_bytes())
    assert [one["folder"] for one in manifest["stacked"]["members"]] == [
        "all-words",
        "rest-late-8-words",
        "late-all-words",
    ]
    assert [one["generators"] for one in manifest["stacked"]["sums"]] == ["rest", "late"]
    assert " ".join(asked) in manifest["provenance"]["command"]
    assert len(read_samples([held])) == sum(manifest["provenance"]["held_out"].values())
    fresh = samples(400, 9)
    detector = load_detector(DetectorSettings(model=str(out)))
    texts = [one.text for one in fresh]
    assert area(detector.logits(detector.encode(texts)), fresh) > 0.95
    before = detector.digest
    assert trained(out, data, *asked) == 0
    assert load_detector(DetectorSettings(model=str(out))).digest == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--linear", "most"), "'most': all or the number of words that stay is wanted"),
        (("--linear", "-4"), "'-4': all or the number"),
        (("--linear", "all:"), "a group has no name"),
        (("--linear", "all:late"), "--group late=NAME,NAME"),
        (("--linear", "all", "--group", "late"), "give it as NAME=GENERATOR,GENERATOR"),
        (("--linear", "all", "--group", "rest=a"), "the name of all other generators"),
        (
            ("--linear", "all", "--group", "a=x", "--group", "a=y"),
            "the name 'a' stands there twice",
        ),
        (
            ("--linear", "all", "--group", "a=x", "--group", "b=x"),
            "the generator 'x' stands there twice",
        ),
    ],
)
def test_what_is_asked_for_wrongly_is_one_clear_line(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...], said: str
) -> None:
    assert trained(tmp_path / "out", data, *asked) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_same_member_twice_is_one_clear_line(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(tmp_path / "out", data, "--linear", "all", "--linear", "all") == 1
    assert "all-words is asked for twice" in capsys.readouterr().err.splitlines()[-1]
