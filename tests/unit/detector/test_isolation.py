from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support import faulty_detector as faulty
from tests.support.faulty_detector import FaultyDetector
from tests.support.tiny_transformer import SENTENCES, save_roberta
from tests.support.waiting import wait_until
from worker.detector.constant import ConstantDetector
from worker.detector.isolation import CrashedProcess, IsolatedScorer, TextFailedError, serve
from worker.detector.loading import load_detector
from worker.settings import DetectorSettings

SETTINGS = DetectorSettings(model="constant", isolation_timeout_s=20.0)
DIGEST = ConstantDetector.digest
CHILD = (sys.executable, "-m", "tests.support.faulty_detector")


def scorer(settings: DetectorSettings = SETTINGS) -> IsolatedScorer:
    return IsolatedScorer(settings, digest=DIGEST, command=CHILD)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_the_child_gives_what_the_detector_gives_here() -> None:
    before = children()
    texts = ["one", "", "two words", "\ud800 alone", "\U0001f600" * 3, "x" * 300_000]
    readings = IsolatedScorer(SETTINGS, digest=DIGEST).score(texts)
    detector = ConstantDetector()
    assert readings == [(0.0, one.tokens, one.truncated) for one in detector.encode(texts)]
    assert children() == before


def test_a_model_gives_the_same_bits_in_the_child(tmp_path: Path) -> None:
    settings = DetectorSettings(model=str(save_roberta(tmp_path)), device="cpu")
    detector = load_detector(settings)
    texts = [*SENTENCES, "", " ".join(SENTENCES)]
    encoded = detector.encode(texts)
    expected = [
        (logit, one.tokens, one.truncated)
        for logit, one in zip(detector.logits(encoded), encoded, strict=True)
    ]
    assert IsolatedScorer(settings, digest=detector.digest).score(texts) == expected


def test_a_child_that_loads_another_detector_scores_nothing(tmp_path: Path) -> None:
    settings = DetectorSettings(model=str(save_roberta(tmp_path)), device="cpu")
    with pytest.raises(CrashedProcess, match="files have changed since it was loaded"):
        IsolatedScorer(settings, digest="of before").score(["a"])


def test_no_texts_need_no_child() -> None:
    assert IsolatedScorer(SETTINGS, digest=DIGEST, command=["/nonexistent"]).score([]) == []


def test_each_bad_text_has_its_own_end_and_the_others_their_readings() -> None:
    texts = ["a", faulty.RAISES, "b", faulty.KILLS, "c", faulty.EXITS, faulty.GIVES_NAN, "d"]
    readings = scorer().score(texts)
    good = {
        text: reading for text, reading in zip(texts, readings, strict=True) if isinstance(reading, tuple)
    }
    assert good == dict.fromkeys("abcd", (0.0, 1, False))
    said = {text: str(reading) for text, reading in zip(texts, readings, strict=True)}
    assert isinstance(readings[1], TextFailedError)
    assert "ValueError" in said[faulty.RAISES]
    assert isinstance(readings[3], CrashedProcess)
    assert "SIGKILL" in said[faulty.KILLS]
    assert isinstance(readings[5], CrashedProcess)
    assert "exit code 9" in said[faulty.EXITS]
    assert isinstance(readings[6], TextFailedError)


def test_a_text_that_hangs_is_given_up_in_time() -> None:
    started = time.monotonic()
    before = children()
    (reading, after) = scorer(DetectorSettings(model="constant", isolation_timeout_s=1.0)).score(
        [faulty.HANGS, "after"]
    )
    assert isinstance(reading, CrashedProcess)
    assert "1 s without an answer" in str(reading)
    assert after == (0.0, 2, False)
    assert time.monotonic() - started < 60
    assert children() == before


def test_a_text_that_only_once_had_bad_luck_is_scored(tmp_path: Path) -> None:
    program = tmp_path / "unlucky.py"
    program.write_text(
        "import os, pathlib, sys\n"
        "from worker.detector.isolation import serve_parent\n"
        "from worker.detector.constant import ConstantDetector\n"
        "class Unlucky(ConstantDetector):\n"
        "    def logits(self, batch):\n"
        "        mark = pathlib.Path(sys.argv[1])\n"
        "        if not mark.exists():\n"
        "            mark.touch()\n"
        "            os._exit(1)\n"
        "        return super().logits(batch)\n"
        "serve_parent(lambda settings: Unlucky())\n"
    )
    command = [sys.executable, str(program), str(tmp_path / "mark")]
    assert run_with_path(command, ["a", "b"]) == [(0.0, 1, False)] * 2


def run_with_path(command: list[str], texts: list[str]) -> list[tuple[float, int, bool] | Exception]:
    root = str(Path(__file__).parents[3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", root)
        return IsolatedScorer(SETTINGS, digest=DIGEST, command=command).score(texts)


def test_what_a_library_prints_does_not_come_between_the_answers(tmp_path: Path) -> None:
    program = tmp_path / "chatty.py"
    program.write_text(
        "import os\n"
        "from worker.detector.isolation import serve_parent\n"
        "from worker.detector.constant import ConstantDetector\n"
        "class Chatty(ConstantDetector):\n"
        "    def logits(self, batch):\n"
        "        print('hello', flush=True)\n"
        "        os.write(1, b'from below')\n"
        "        return super().logits(batch)\n"
        "serve_parent(lambda settings: Chatty())\n"
    )
    assert run_with_path([sys.executable, str(program)], ["a"]) == [(0.0, 1, False)]


@pytest.mark.parametrize(
    ("settings", "command"),
    [(DetectorSettings(model="/nonexistent/model"), CHILD), (SETTINGS, (sys.executable, "-c", "pass"))],
    ids=["no-model", "no-child"],
)
def test_a_child_that_does_not_load_the_detector_is_no_texts_fault(
    settings: DetectorSettings, command: tuple[str, ...]
) -> None:
    with pytest.raises(CrashedProcess, match="did not load the detector"):
        IsolatedScorer(settings, digest=DIGEST, command=command).score(["a"])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_that_hangs_ends_with_its_parent() -> None:
    code = (
        "from worker.detector.isolation import IsolatedScorer\n"
        "from worker.settings import DetectorSettings\n"
        "settings = DetectorSettings(model='constant')\n"
        f"scorer = IsolatedScorer(settings, digest={DIGEST!r}, command={CHILD!r})\n"
        f"scorer.score([{faulty.HANGS!r}])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as parent:
        assert parent.stderr is not None
        child = psutil.Process(int(parent.stderr.readline()))
        parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout_s=20)


def test_serving_ends_quietly_when_the_other_side_closes() -> None:
    sink = io.BytesIO()
    serve(FaultyDetector(ConstantDetector()), io.BytesIO(b"\x00\x00\x00\x05he"), sink)
    assert sink.getvalue() == b'\x00\x00\x00\x0c"constant-1"'
