"""Benchmarks that run whole workers, on so few posts that they show only that everything runs and adds up."""

from __future__ import annotations

import json

import pytest

from benchmarks import replay
from benchmarks.engine import stream
from worker.cores import THREADS_VARIABLE


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the model of every process that is started, on a machine with more cores too."""
    monkeypatch.setenv(THREADS_VARIABLE, "2")


def positive(figure: object) -> bool:
    return isinstance(figure, float) and figure > 0


def test_the_share_of_the_worker(capsys: pytest.CaptureFixture[str]) -> None:
    stream.main(["--models", "tiny", "--posts", "900", "--rounds", "1", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert positive(figures["stream.of_engine"])
    assert figures["stream.of_engine"] == figures["stream.of_engine.tiny"]


def test_the_replay_beside_the_live_worker(capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--posts", "12000", "--model", "tiny", "--model-posts", "2000", "--rounds", "1"]
    replay.main([*size, "--json"])
    figures = json.loads(capsys.readouterr().out)
    keys = ("replay.of_live", "replay.of_live.recorded")
    warm = ("replay.warm_of_live.rebuilt", "replay.warm_of_live.recorded")
    assert all(positive(figures[key]) for key in (*keys, *warm))
    assert (figures["posts"], figures["model_posts"], figures["rounds"]) == (12_000, 2_000, 1)
