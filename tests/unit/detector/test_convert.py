"""`flagstaff convert`, and that what it writes is the same detector."""

from __future__ import annotations

import json
import math
import shutil
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from tests.support.command import flagstaff as command
from tests.support.hub_cache import COMMIT, put_in_cache
from tests.support.openai_checkpoint import TOKENIZER, save_openai
from tests.support.tiny_transformer import SENTENCES, save_roberta
from worker.commands import flagstaff
from worker.detector.checkpoint import read_manifest
from worker.detector.loading import DEFAULT_FOLDER, load_detector
from worker.errors import DetectorError, SettingsError
from worker.policy import DEFAULT_FILE as DEFAULT_POLICY
from worker.policy import load_policy
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.detector.protocol import Detector


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    save_openai(folder / "openai")
    save_roberta(folder / "roberta")
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A transformers directory that a test may spoil."""
    return Path(shutil.copytree(saved / "roberta", tmp_path / "roberta-v1.5"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "new" / "out"


def convert(*arguments: Path | str) -> str:
    """What is printed."""
    done = CliRunner().invoke(
        flagstaff, ["convert", *map(str, arguments)], catch_exceptions=False, standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.stdout


def refused(kind: type[Exception], *arguments: Path | str) -> str:
    with pytest.raises(kind) as caught:
        convert(*arguments)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    return str(caught.value)


def load(model: Path, **settings: Any) -> Detector:
    return load_detector(DetectorSettings(model=str(model), **settings))


def logits(detector: Detector) -> list[float]:
    return detector.logits(detector.encode(SENTENCES))


def described(out: Path) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((out / "detector.json").read_bytes())
    return whole


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def test_openais_file_becomes_a_directory_with_all_that_it_is(saved: Path, out: Path) -> None:
    source = saved / "openai" / "detector-base.pt"
    printed = convert(source, out)
    detector, direct = load(out), load(source)
    assert printed == f"{detector.digest}  {out}\n"
    assert (detector.digest, logits(detector)) == (direct.digest, logits(direct))
    assert detector.name == direct.name == "detector-base"

    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "detector.json",
        "model.safetensors",
        *TOKENIZER,
    }
    whole = described(out)
    assert (whole["format"], whole["kind"], whole["labels"]) == (1, "transformers", ["machine", "human"])
    origin = whole["provenance"]
    assert origin["converted_from"] == "detector-base.pt"
    assert origin["sha256"]["detector-base.pt"] == sha256(source.read_bytes()).hexdigest()
    assert origin["sha256"].keys() == {"detector-base.pt", *TOKENIZER}
    assert origin["made_with"].keys() == {"torch", "transformers"}
    assert str(saved) not in (out / "detector.json").read_text()
    # Other tools are told the order too.
    assert json.loads((out / "config.json").read_bytes())["id2label"] == {"0": "machine", "1": "human"}


def test_as_a_command_it_prints_one_line(saved: Path, out: Path) -> None:
    ended = command("convert", str(saved / "openai" / "detector-base.pt"), str(out))
    assert (ended.code, ended.out) == (0, f"{load(out).digest}  {out}\n")
    ended = command("convert", str(saved / "roberta"), str(out))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"flagstaff: convert: {out} is not empty; name a new directory\n"


def test_whoever_may_read_one_file_may_read_all(saved: Path, out: Path) -> None:
    convert(saved / "openai" / "detector-base.pt", out)
    (out / "other").touch()
    assert len({path.stat().st_mode for path in out.iterdir()}) == 1


def test_the_same_source_gives_the_same_files(saved: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        out.mkdir()  # an empty directory will do
        convert(saved / "openai" / "detector-base.pt", out)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_a_tokenizer_from_elsewhere(saved: Path, tmp_path: Path, out: Path) -> None:
    alone = Path(shutil.copy(saved / "openai" / "detector-base.pt", tmp_path))
    assert "--tokenizer" in refused(DetectorError, alone, out)
    assert not out.exists()
    convert(alone, out, "--tokenizer", saved / "openai" / "reference")
    assert logits(load(out)) == logits(load(saved / "openai" / "detector-base.pt"))


def test_a_tokenizer_from_the_hub(
    saved: Path, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    put_in_cache(tmp_path / "cache", saved / "openai" / "reference", "org/tokenizer")
    alone = Path(shutil.copy(saved / "openai" / "detector-base.pt", tmp_path))
    assert "follows its @" in refused(SettingsError, alone, out, "--tokenizer", "org/tokenizer")
    assert "40" in refused(SettingsError, alone, out, "--tokenizer", "org/tokenizer@main")
    convert(alone, out, "--tokenizer", f"org/tokenizer@{COMMIT}")
    assert logits(load(out)) == logits(load(saved / "openai" / "detector-base.pt"))


def test_a_model_of_the_hub(saved: Path, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    snapshot = put_in_cache(tmp_path / "cache", saved / "roberta")
    assert "--revision" in refused(SettingsError, "org/name", out)
    assert "40" in refused(SettingsError, "org/name", out, "--revision", "main")
    convert("org/name", out, "--revision", COMMIT)
    whole = described(out)
    assert whole["name"] == whole["provenance"]["converted_from"] == "org/name"
    assert whole["provenance"]["revision"] == COMMIT
    assert logits(load(out)) == pytest.approx(logits(load(saved / "roberta")), abs=1e-5)

    (snapshot / "model.safetensors").rename(tmp_path / "model.safetensors")
    said = refused(DetectorError, "org/name", tmp_path / "other", "--revision", COMMIT)
    assert "has no safetensors, and pickles are not fetched" in said
    (snapshot / "config.json").resolve().write_text("{}")
    said = refused(DetectorError, "org/name", tmp_path / "other", "--revision", COMMIT)
    assert "config.json is not what the hub has" in said


def test_a_directory_keeps_what_it_says_of_itself(folder: Path, out: Path) -> None:
    (folder / "detector.json").write_text(
        json.dumps(
            {
                "format": 1,
                "kind": "transformers",
                "name": "mine",
                "labels": ["human", "machine"],
                "calibration": {"fitted": True, "slope": 2.0},
                "provenance": {"trained on": "posts"},
            }
        )
    )
    convert(folder, out)
    assert (load(out).name, load(out).calibration.slope) == ("mine", 2.0)
    assert described(out)["provenance"]["before"] == {"trained on": "posts"}


def test_name_and_calibration_can_be_given(folder: Path, out: Path, tmp_path: Path) -> None:
    calibration = tmp_path / "calibration.json"
    calibration.write_text('{"fitted": true, "threshold": 0.9, "languages": ["en"]}')
    printed = convert(folder, out, "--name", "ours", "--calibration", calibration)
    assert printed.split()[0] == load(out).digest
    assert (load(out).name, load(out).calibration.threshold) == ("ours", 0.9)
    convert(folder, tmp_path / "plain")
    assert load(tmp_path / "plain").name == "roberta-v1.5"


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"slope": "x"}', b'{"unknown": 1}'])
def test_a_calibration_that_is_none(folder: Path, out: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_bytes(content)
    assert str(path) in refused(SettingsError, folder, out, "--calibration", path)
    assert not out.exists()


def in_parts(weights: dict[str, torch.Tensor], folder: Path, stem: str, ending: str) -> None:
    """Saves weights as two files and an index."""
    names = sorted(weights)
    halves = {1: names[: len(names) // 2], 2: names[len(names) // 2 :]}
    index: dict[str, str] = {}
    for number, half in halves.items():
        file = f"{stem}-{number:05}-of-00002.{ending}"
        part = {name: weights[name] for name in half}
        if ending == "bin":
            torch.save(part, folder / file)
        else:
            save_file(part, folder / file, metadata={"format": "pt"})
        index |= dict.fromkeys(half, file)
    (folder / f"{stem}.{ending}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


@pytest.mark.parametrize("form", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("parts", [False, True], ids=["whole", "in parts"])
def test_every_form_of_weights_becomes_one(folder: Path, out: Path, form: str, *, parts: bool) -> None:
    expected = logits(load(folder))
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    stem, _, ending = form.partition(".")
    if parts:
        in_parts(weights, folder, stem, ending)
    elif ending == "bin":
        torch.save(weights, folder / form)
    else:
        save_file(weights, folder / form, metadata={"format": "pt"})
    convert(folder, out)
    # Where in memory a weight lies can change the last bits of a logit: the weights are what is the same.
    written = load_file(out / "model.safetensors")
    assert written.keys() == weights.keys()
    assert all(torch.equal(written[name], one) for name, one in weights.items())
    assert logits(load(folder)) == pytest.approx(expected, abs=1e-5)
    assert logits(load(out)) == pytest.approx(expected, abs=1e-5)
    assert [path.name for path in out.glob("*.safetensors")] == ["model.safetensors"]
    assert list(out.glob("*.bin")) == list(out.glob("*.index.json")) == []


def test_weights_that_share_memory_are_written_apart(folder: Path, out: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    # What a training with tied weights leaves behind: two names of one tensor, and a view of it.
    words = weights["roberta.embeddings.word_embeddings.weight"]
    shared = weights | {"lm_head.decoder.weight": words, "first": words[:1]}
    torch.save(shared, folder / "pytorch_model.bin")
    convert(folder, out)
    written = load_file(out / "model.safetensors")
    assert all(torch.equal(written[name], one) for name, one in shared.items())


@pytest.mark.parametrize("source", ["openai/detector-base.pt", "roberta"])
def test_weights_can_be_stored_in_half_the_space(saved: Path, tmp_path: Path, source: str) -> None:
    full, half = tmp_path / "full", tmp_path / "half"
    convert(saved / source, full)
    convert(saved / source, half, "--dtype", "bfloat16")
    weights = load_file(half / "model.safetensors")
    assert {one.dtype for one in weights.values()} == {torch.bfloat16}
    assert described(half)["provenance"]["weights_were"] == "float32"
    assert described(half)["provenance"]["weights_are"] == "bfloat16"
    assert json.loads((half / "config.json").read_bytes())["dtype"] == "bfloat16"
    # Rounded when it is stored or when it is loaded: the same numbers.
    assert logits(load(half, dtype="bfloat16")) == logits(load(full, dtype="bfloat16"))
    assert load(half).digest != load(full).digest


def test_the_digest_is_that_of_the_settings(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAGSTAFF_DETECTOR__DTYPE", "bfloat16")
    assert convert(folder, out).split()[0] == load(out, dtype="bfloat16").digest


def test_labels_without_a_meaning_must_be_given(folder: Path, out: Path, tmp_path: Path) -> None:
    forward = logits(load(folder))
    change(folder / "config.json", id2label={"0": "LABEL_0", "1": "LABEL_1"})
    assert "--labels" in refused(DetectorError, folder, out)
    convert(folder, out, "--labels", "machine,human")
    manifest = read_manifest(out)
    assert manifest is not None
    assert manifest.labels == ("machine", "human")
    assert logits(load(out)) == pytest.approx([-logit for logit in forward], abs=1e-5)
    # What was once stated is not contradicted.
    said = refused(DetectorError, out, tmp_path / "again", "--labels", "human,machine")
    assert "correct the wrong one" in said


def test_labels_that_contradict_what_is_known(saved: Path, folder: Path, out: Path) -> None:
    said = refused(DetectorError, folder, out, "--labels", "machine,human")
    assert "--labels states the labels machine, human" in said
    said = refused(DetectorError, saved / "openai" / "detector-base.pt", out, "--labels", "human,machine")
    assert "machine, human in this order" in said
    assert not out.exists()
    convert(saved / "openai" / "detector-base.pt", out, "--labels", "machine,human")


@pytest.mark.parametrize("labels", ["", "human", "human, machine", "real,fake"])
def test_labels_that_are_no_order(folder: Path, out: Path, labels: str) -> None:
    with pytest.raises(click.BadParameter):
        convert(folder, out, "--labels", labels)


def test_code_of_the_source_is_not_taken_along(folder: Path, out: Path) -> None:
    change(folder / "config.json", auto_map={"AutoConfig": "mine.Mine"})
    (folder / "mine.py").write_text("")
    convert(folder, out)
    assert not (out / "mine.py").exists()
    assert "auto_map" not in (out / "config.json").read_text()


def spoil_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"x" * 100)


def spoil_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../secret.safetensors"}}')


def no_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": [1]}')


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def code_in_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"x": Path()}, folder / "pytorch_model.bin")


def no_tensors(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"x": 1}, folder / "pytorch_model.bin")


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def config_of_a_list(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def no_classifier(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.out_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_weights, "broken or cut short"),
        (spoil_index, "names '../secret.safetensors', which is not beside it"),
        (no_index, "names no files in a `weight_map`"),
        (no_weights, "holds no weights"),
        (code_in_weights, "more than tensors and plain values"),
        (no_tensors, "no tensors by name"),
        (no_tokenizer, "holds no tokenizer"),
        (no_config, "can't read"),
        (config_of_a_list, "no config"),
        (no_classifier, "no trained classifier"),
    ],
)
def test_each_way_of_breaking_a_directory_has_its_line_and_leaves_nothing(
    folder: Path, out: Path, spoil: Any, said: str
) -> None:
    (folder.parent / "secret.safetensors").write_bytes(b"")
    spoil(folder)
    assert said in refused(DetectorError, folder, out)
    assert not out.exists() or list(out.iterdir()) == []


def test_a_linear_detector_needs_none(out: Path) -> None:
    assert "used as it is" in refused(DetectorError, DEFAULT_FOLDER, out)


def test_what_is_no_source(tmp_path: Path, out: Path, folder: Path) -> None:
    for source in (tmp_path / "nowhere", "defualt"):
        assert "convert: SOURCE" in refused(SettingsError, source, out)
    (tmp_path / "weights.zip").touch()
    assert "is a file" in refused(SettingsError, tmp_path / "weights.zip", out)
    assert "--revision is for a hub id" in refused(SettingsError, folder, out, "--revision", COMMIT)


def test_nothing_is_written_over(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "not empty" in refused(SettingsError, folder, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "file").touch()
    assert "can't make" in refused(DetectorError, folder, tmp_path / "file" / "below")


CALIBRATION = {"fitted": True, "slope": 3.0, "min_tokens": 5, "languages": ["en"], "threshold": 0.5}
TEXTS = [f"{number} {SENTENCES[number % 3][: 15 + number % 40]}".rstrip() for number in range(1_000)]


def write_posts(path: Path, texts: Iterable[str] = TEXTS, *more: dict[str, str]) -> Path:
    posts = [{"id": "p", "text": text, "lang": "en"} for text in texts]
    path.write_text("".join(f"{json.dumps(post)}\n" for post in (*posts, *more)))
    return path


def write_calibration(path: Path, **fields: Any) -> Path:
    path.write_text(json.dumps(CALIBRATION | fields))
    return path


def printed_and_said(*arguments: Path | str) -> tuple[str, str]:
    done = CliRunner().invoke(flagstaff, ["convert", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout, done.stderr


def labelled(source: Path, number_format: str) -> tuple[list[float], list[bool]]:
    """Logits, and whether the default policy labels: worked out from the calibration's numbers alone."""
    detector = load(source, dtype=number_format, device="cpu")
    found = detector.logits(detector.encode(TEXTS))
    return found, [1 / (1 + math.exp(-3.0 * logit)) >= 0.8 for logit in found]


class Compared(NamedTuple):
    out: Path
    printed: str
    said: str


@pytest.fixture(scope="module")
def compared(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """A detector that was compared on the texts, one of them twice, and on some outside its range."""
    folder = tmp_path_factory.mktemp("compared")
    outside = ({"id": "short", "text": "a"}, {"id": "else", "text": TEXTS[0] + "x", "lang": "fi"})
    posts = write_posts(folder / "posts.jsonl", [*TEXTS, TEXTS[5]], *outside)
    calibration = write_calibration(folder / "calibration.json")
    asked = ("--calibration", calibration, "--compare", posts, "--formats", "int8, bfloat16")
    return Compared(folder / "out", *printed_and_said(saved / "roberta", folder / "out", *asked))


@pytest.mark.parametrize("number_format", ["bfloat16", "int8"])
def test_what_a_format_changes_is_measured(saved: Path, compared: Compared, number_format: str) -> None:
    assert described(compared.out)["formats"].keys() == {"bfloat16", "int8"}
    measured = described(compared.out)["formats"][number_format]
    before, own = labelled(saved / "roberta", "float32")
    after, other = labelled(saved / "roberta", number_format)
    apart = [abs(one - two) for one, two in zip(before, after, strict=True)]
    assert 0 < sum(own) < len(TEXTS)
    assert measured["texts"] == len(TEXTS)
    assert measured["changed"] == sum(one != two for one, two in zip(own, other, strict=True)) / len(TEXTS)
    assert measured["worst"] == pytest.approx(max(apart), abs=1e-4)
    assert measured["mean"] == pytest.approx(sum(apart) / len(TEXTS), abs=1e-4)
    assert measured["torch"] == torch.__version__
    assert measured["device"].startswith("cpu ")
    assert measured["policy"] == f"default {load_policy().digest}"
    # Said as well as written.
    changed = f"{number_format} changes {100 * measured['changed']:.3g} % of 1000 decisions in float32"
    assert changed in compared.said


def test_a_compared_detector_is_run_in_what_changes_little(compared: Compared, tmp_path: Path) -> None:
    own = load(compared.out, dtype="float32")
    out = Path(shutil.copytree(compared.out, tmp_path / "out"))
    measured = described(out)["formats"]
    change(out / "detector.json", formats={"int8": measured["int8"] | {"changed": 0.0}})
    assert load(out, dtype="int8").digest != own.digest
    change(out / "detector.json", formats={"int8": measured["int8"] | {"changed": 0.01}})
    with pytest.raises(SettingsError, match="int8 changes 1 % of 1000 decisions"):
        load(out, dtype="int8")


def test_a_comparison_does_not_change_the_digest(saved: Path, compared: Compared, tmp_path: Path) -> None:
    assert compared.printed == f"{load(compared.out).digest}  {compared.out}\n"
    calibration = write_calibration(tmp_path / "calibration.json")
    convert(saved / "roberta", tmp_path / "plain", "--calibration", calibration)
    assert described(tmp_path / "plain")["formats"] == {}
    assert load(tmp_path / "plain", dtype="float32").digest == load(compared.out, dtype="float32").digest


def test_what_was_measured_is_kept_for_the_same_weights_and_calibration(
    compared: Compared, tmp_path: Path
) -> None:
    measured = described(compared.out)["formats"]
    convert(compared.out, tmp_path / "same", "--name", "other")
    assert described(tmp_path / "same")["formats"] == measured
    convert(compared.out, tmp_path / "half", "--dtype", "bfloat16")
    assert described(tmp_path / "half")["formats"] == {}
    calibration = write_calibration(tmp_path / "calibration.json", slope=1.0)
    convert(compared.out, tmp_path / "again", "--calibration", calibration)
    assert described(tmp_path / "again")["formats"] == {}


def test_a_policy_of_ones_own_decides_in_the_comparison(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = (
        DEFAULT_POLICY.read_text().replace("weight: 1.0", "weight: 0.0").replace("name: default", "name: n")
    )
    (tmp_path / "policy.yaml").write_text(never)
    posts = write_posts(tmp_path / "posts.jsonl")
    calibration = write_calibration(tmp_path / "calibration.json")
    asked = ("--calibration", calibration, "--compare", posts, "--formats", "int8")
    printed_and_said(saved / "roberta", tmp_path / "a", *asked, "--policy", tmp_path / "policy.yaml")
    monkeypatch.setenv("FLAGSTAFF_POLICY__FILE", str(tmp_path / "policy.yaml"))
    printed_and_said(saved / "roberta", tmp_path / "b", *asked)
    for out in (tmp_path / "a", tmp_path / "b"):
        measured = described(out)["formats"]["int8"]
        assert (measured["changed"], measured["policy"].split()[0]) == (0.0, "n")
        assert measured["worst"] > 0
    assert load(tmp_path / "a", dtype="int8").calibration.slope == 3.0


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("", (), "of 0 different texts in"),
        ('{"id": "a", "text": "A bus that was late."}\n', (), "of 1 different texts in"),
        ('{"id": "a", "text": "b"}\n\n{"id": 1}\n', (), "posts.jsonl:3: "),
        ("", ("--formats", "int4"), "'int4' is none; there are float32, bfloat16, float16, int8"),
        ("", ("--formats", ""), "'' is none"),
        ("", ("--formats", "float32"), "float32 is what the others are compared with"),
        ("", ("--formats", "float16"), "float16 is not for cpu"),
        ("", ("--policy", "nowhere.yaml"), "can't read nowhere.yaml"),
    ],
)
def test_a_comparison_that_cant_be_made(
    folder: Path, tmp_path: Path, content: str, options: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out"
    (tmp_path / "posts.jsonl").write_text(content)
    calibration = write_calibration(tmp_path / "calibration.json")
    asked = ("--calibration", calibration, "--compare", tmp_path / "posts.jsonl")
    assert said in refused(SettingsError, folder, out, *asked, *options)
    assert not out.exists() or list(out.iterdir()) == []


def test_without_a_calibration_there_is_nothing_to_compare(folder: Path, out: Path, tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts.jsonl", TEXTS[:1])
    assert "has no calibration" in refused(SettingsError, folder, out, "--compare", posts)
    assert not out.exists()
    for option in ("--formats", "--policy"):
        assert "name its posts with --compare" in refused(SettingsError, folder, out, option, "int8")
