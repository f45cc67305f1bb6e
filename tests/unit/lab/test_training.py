from __future__ import annotations

import gzip
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from worker.commands import main
from worker.detector.loading import load_detector
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.protocol import Detector

HUMAN = ("lake", "river", "stone", "maybe", "neighbour", "laughed", "while", "rain", "fell", "quietly")
MACHINE = ("leverage", "synergy", "robust", "paradigm", "delve", "tapestry", "unlock", "seamless", "vibrant")


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    random = Random(seed)  # noqa: S311 - it guards nothing
    made = []
    for number in range(count):
        machine = number % 2 == 1
        words = [
            random.choice((MACHINE if machine else HUMAN) + HUMAN) for _ in range(random.randint(10, 50))
        ]
        made.append(
            {
                "text": " ".join(words),
                "label": "machine" if machine else "human",
                "source": "made-up",
                "generator": "none" if machine else None,
                "author": f"{seed}-{number % 20}",
            }
        )
    return made


def trained(out: Path, data: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--kind", "linear", "--data", str(data), "--out", str(out), *more])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def loaded(folder: Path) -> Detector:
    return load_detector(DetectorSettings(model=str(folder)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "made-up.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows(2_400, 1))).encode()))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    out = tmp_path_factory.mktemp("detector")
    assert trained(out, data, "--name", "small", "--hold-out-authors", "0.4") == 0
    return out


def test_what_is_trained_tells_texts_apart_that_it_has_not_seen(folder: Path) -> None:
    detector = loaded(folder)
    assert detector.name == "small"
    calibration = detector.calibration
    fresh = rows(400, 2)
    encoded = detector.encode([row["text"] for row in fresh])
    logits = detector.logits(encoded)
    probabilities = [
        calibration.probability(logit, one.tokens) for logit, one in zip(logits, encoded, strict=True)
    ]
    right = [
        (probability > 0.5) == (row["label"] == "machine")
        for row, probability in zip(fresh, probabilities, strict=True)
    ]
    assert sum(right) > 380


def test_its_calibration_says_where_it_holds_and_how_sure_it_is(folder: Path) -> None:
    calibration = loaded(folder).calibration
    assert calibration.fitted
    assert calibration.languages == ("en",)
    assert calibration.threshold is not None
    assert 0.0 < calibration.threshold < 1.0
    assert calibration.false_positive_bound is not None
    assert 0.0 < calibration.false_positive_bound < 0.1
    assert 0 < calibration.min_tokens < 100
    assert calibration.covers(tokens=80, lang="en")


def test_what_it_learned_from_stands_beside_it_without_texts_and_paths(folder: Path, data: Path) -> None:
    files = [path.read_bytes() for path in folder.iterdir()]
    assert not any(str(data.parent).encode() in content or b"tapestry" in content for content in files)
    provenance = json.loads((folder / "detector.json").read_bytes())["provenance"]
    assert provenance["recipe"]["hold_out"] == 0.4
    assert " --data made-up.jsonl.gz --hold-out-authors 0.4 " in provenance["command"]
    assert sum(provenance["learned_from"].values()) + sum(provenance["held_out"].values()) == 2_400


def test_the_same_data_and_seed_make_the_same_detector(folder: Path, data: Path, tmp_path: Path) -> None:
    assert trained(tmp_path, data, "--name", "small", "--hold-out-authors", "0.4") == 0
    assert loaded(tmp_path).digest == loaded(folder).digest


def test_too_few_texts_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(30, 1))))
    assert trained(tmp_path / "out", path) == 1
    assert "at least 20 of each are needed" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_texts_that_can_not_be_calibrated_on_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(300, 1))))
    assert trained(tmp_path / "out", path) == 1
    assert "human texts are there to set the threshold by" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_broken_line_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"text": "a", "label": "alien", "source": "sky"}\n')
    assert trained(tmp_path / "out", path) == 1
    assert f"{path}:1: " in capsys.readouterr().err


def test_only_the_most_frequent_words_of_humans_are_left(tmp_path: Path, data: Path) -> None:
    assert trained(tmp_path / "out", data, "--keep-words", "4") == 0
    manifest = json.loads((tmp_path / "out" / "detector.json").read_bytes())
    kept = manifest["linear"]["ngrams"]["kept_words"]
    assert len(kept) == 4
    assert set(kept) <= set(HUMAN)
    assert "--keep-words 4" in manifest["provenance"]["command"]
    detector = loaded(tmp_path / "out")
    one, other = detector.logits(detector.encode(["so delve robust", "so salad pirate"]))
    assert one == other


def test_detectors_are_combined_by_the_same_command(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "more.jsonl"
    data.write_text("\n".join(map(json.dumps, rows(5_000, 7))))
    out = tmp_path / "stack"
    arguments = ["--member", str(folder), "--hold-out-authors", "0.4", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main(["train", "--kind", "stacked", "--data", str(data), *arguments])
    assert ended.value.code == 0
    texts = [row["text"] for row in rows(40, 3)]
    orders = []
    for detector in (loaded(out), loaded(folder)):
        logits = detector.logits(detector.encode(texts))
        orders.append(sorted(range(len(texts)), key=logits.__getitem__))
    assert orders[0] == orders[1]
    assert "held out" in json.loads((out / "measured.json").read_bytes())


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("stacked", (), "name them with --member"),
        ("linear", ("--member", "."), "--member is for --kind stacked"),
        ("stacked", ("--keep-words", "9"), "--keep-words is for --kind linear"),
        ("encoder", ("--measure", "x"), "--measure is for --kind linear and stacked"),
        ("linear", ("--epochs", "2"), "--epochs is for --kind encoder"),
    ],
)
def test_an_option_of_another_kind_is_refused(  # noqa: PLR0913, PLR0917 - fixtures and a case's parts
    tmp_path: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    more: tuple[str, ...],
    said: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--kind", kind, "--data", str(data), "--out", str(tmp_path / "out"), *more])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
