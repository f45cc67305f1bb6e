"""Processes that run one model share its memory: the weights lie in the mapped file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.tiny_transformer import save_bert
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which memory is shared")

_CHILD: Final = """
import logging, sys
import structlog
from worker.detector.loading import load_detector
from worker.settings import DetectorSettings
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
detector = load_detector(DetectorSettings(model=sys.argv[1], device="cpu", dtype="float32"))
print(detector.logits(detector.encode(["The bus was late again."])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert")) / "model.safetensors"


@pytest.fixture
def children(weights: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that run the model, each with its logit printed."""
    made = [
        subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(weights.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    yield made
    for child in made:
        child.communicate(timeout=PATIENCE_S)


def mapped(pid: int, file: Path) -> dict[str, int]:
    """What `/proc/PID/smaps` says of a file, in KiB, summed over its mappings."""
    sums: dict[str, int] = {}
    ours = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            ours = line.endswith(str(file))
        elif ours and rest[-1] == "kB":
            sums[name] = sums.get(name, 0) + int(rest[0])
    return sums


def test_two_processes_have_the_weights_in_memory_once(
    weights: Path, children: list[subprocess.Popen[str]]
) -> None:
    logits = [child.stdout.readline() for child in children if child.stdout is not None]
    assert logits[0] == logits[1] != ""
    for child in children:
        sizes = mapped(child.pid, weights)
        assert sizes["Rss:"] >= 0.9 * weights.stat().st_size / 1024
        assert sizes["Private_Dirty:"] == 0
        assert sizes["Pss:"] <= 0.6 * sizes["Rss:"]
