from __future__ import annotations

import gc
import shutil
import threading
import weakref
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.support.linear_checkpoint import linear_checkpoint, turn_over
from tests.support.waiting import PATIENCE_S, wait_until
from worker.metrics import REGISTRY
from worker.policy import DEFAULT_FILE
from worker.settings import PREFIX, Settings, load_settings
from worker.stream.decider import Current, first_decider
from worker.stream.reload import Reload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from structlog.typing import EventDict

    from worker.detector.protocol import Detector


class Reloading:
    """A worker's decider under `Reload`, without the worker.

    Attributes:
        folder: holds `model`, a link to the linear detector `a`; another one, `b`; and the config file.
        detectors: `a` and `b`.
        rereads: how often the settings were read again.
    """

    def __init__(self, folder: Path, environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.detectors = {
            name: linear_checkpoint(folder / name, bias) for name, bias in (("a", 0.0), ("b", 1.0))
        }
        turn_over(folder / "model", folder / "a")
        self.config = folder / "config.yaml"
        self._environ = environ or {}
        self.asked: SimpleQueue[None] = SimpleQueue()
        self.rereads = 0
        self.configure(folder / "model")

    def configure(self, model: Path, more: str = "") -> None:
        new = self.config.with_suffix(".new")
        new.write_text(f"detector: {{model: {model}}}\n{more}")
        new.replace(self.config)

    def settings(self) -> Settings:
        return load_settings(self.config, self._environ)

    def _reread(self) -> Settings:
        self.rereads += 1
        return self.settings()

    @contextmanager
    def running(self) -> Iterator[list[EventDict]]:
        """Runs the reload thread; gives what it logs."""
        settings = self.settings()
        self.current = Current(first_decider(settings, None))
        with capture_logs() as logged:
            reload = Reload(settings, reread=self._reread, asked=self.asked, link=None, current=self.current)
            try:
                yield logged
            finally:
                reload.close(10)

    @property
    def digest(self) -> str:
        return self.current.decider.detector.digest

    def decides_as(self, name: str) -> bool:
        """Whether all parts of the decider in force are those of this detector."""
        decider, expected = self.current.decider, self.detectors[name]
        encoded = decider.detector.encode(["some plain words"])
        scored = [decider.scorer.score(encoded)[0], decider.isolation.score(["some plain words"])[0]]
        logit = expected.logits(expected.encode(["some plain words"]))[0]
        return decider.detector.digest == expected.digest and scored == [
            logit,
            (logit, encoded[0].tokens, False),
        ]


@pytest.fixture
def reloading(tmp_path: Path) -> Reloading:
    return Reloading(tmp_path)


def _ask(reloading: Reloading, logged: list[EventDict], outcome: str) -> EventDict:
    """Asks for a reload; returns the event that tells of its outcome."""
    before = len(logged)
    reloading.asked.put(None)
    wait_until(lambda: any("detector_" in event["event"] for event in logged[before:]), what="an outcome")
    (event,) = [event for event in logged[before:] if "detector_" in event["event"]]
    assert event["event"] == f"detector_{outcome}"
    return event


def _switches(outcome: str) -> float:
    return REGISTRY.get_sample_value("flagstaff_detector_switches_total", {"outcome": outcome}) or 0.0


def _infos() -> list[dict[str, str]]:
    return [
        sample.labels
        for family in REGISTRY.collect()
        if family.name == "flagstaff_detector_info"
        for sample in family.samples
    ]


def test_a_link_turned_over_brings_the_other_detector_with_all_that_belongs_to_it(
    reloading: Reloading,
) -> None:
    before = _switches("switched")
    with reloading.running() as logged:
        assert reloading.decides_as("a")
        turn_over(reloading.folder / "model", reloading.folder / "b")
        # Until told, the child process too keeps to the detector that was loaded.
        assert reloading.decides_as("a")
        event = _ask(reloading, logged, "switched")
        assert reloading.decides_as("b")
    digest = reloading.detectors["b"].digest
    assert event["detector_digest"] == digest
    assert _infos() == [{"name": "b", "digest": digest}]
    assert _switches("switched") == before + 1


def test_a_changed_config_file_brings_the_detector_that_it_names(reloading: Reloading) -> None:
    with reloading.running() as logged:
        reloading.configure(reloading.folder / "b")
        _ask(reloading, logged, "switched")
        assert reloading.decides_as("b")


def test_files_rewritten_at_the_same_path_are_loaded(reloading: Reloading) -> None:
    with reloading.running() as logged:
        reloading.detectors["a"] = linear_checkpoint(reloading.folder / "a", 2.0)
        _ask(reloading, logged, "switched")
        assert reloading.decides_as("a")


def test_the_environment_keeps_its_path_but_not_what_lies_there(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, {f"{PREFIX}DETECTOR__MODEL": str(tmp_path / "model")})
    with reloading.running() as logged:
        reloading.configure(tmp_path / "b")
        _ask(reloading, logged, "unchanged")
        assert reloading.decides_as("a")
        turn_over(tmp_path / "model", tmp_path / "b")
        _ask(reloading, logged, "switched")
        assert reloading.decides_as("b")


@pytest.mark.parametrize("touch", [False, True])
def test_the_same_again_is_a_log_line_and_nothing_else(reloading: Reloading, *, touch: bool) -> None:
    before = _switches("unchanged")
    with reloading.running() as logged:
        decider = reloading.current.decider
        if touch:
            linear_checkpoint(reloading.folder / "a", 0.0)
        _ask(reloading, logged, "unchanged")
        assert reloading.current.decider is decider
    assert _switches("unchanged") == before + 1


def _empty_weights(reloading: Reloading) -> None:
    (reloading.folder / "b" / "weights.safetensors").write_bytes(b"")
    reloading.configure(reloading.folder / "b")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda r: r.configure(r.folder / "none"), "none"),
        (_empty_weights, "weights.safetensors is broken"),
        (lambda r: r.config.write_text("detector: [not, a, group"), "not valid YAML"),
        (lambda r: r.config.write_text("detektor: {}"), "unknown key 'detektor'"),
        (lambda r: r.config.unlink(), "can't read"),
        (lambda r: r.configure(r.folder / "b", "policy: {file: /no/such/policy}"), "/no/such/policy"),
    ],
    ids=["no-directory", "broken-weights", "no-yaml", "unknown-key", "no-config", "no-policy"],
)
def test_what_is_broken_changes_nothing_and_the_next_that_is_not_is_taken(
    reloading: Reloading, spoil: object, said: str
) -> None:
    before = _switches("refused")
    with reloading.running() as logged:
        decider = reloading.current.decider
        assert callable(spoil)
        spoil(reloading)
        event = _ask(reloading, logged, "refused")
        assert said in event["error"]
        assert "\n" not in event["error"]
        assert event["log_level"] == "error"
        assert reloading.current.decider is decider
        reloading.detectors["b"] = linear_checkpoint(reloading.folder / "b", 1.0)
        reloading.configure(reloading.folder / "b")
        _ask(reloading, logged, "switched")
        assert reloading.decides_as("b")
    assert _switches("refused") == before + 1


def test_a_policy_alone_leaves_the_detector_where_it_is(reloading: Reloading) -> None:
    policy = reloading.folder / "policy.yaml"
    shutil.copy(DEFAULT_FILE, policy)
    reloading.configure(reloading.folder / "model", f"policy: {{file: {policy}}}")
    with reloading.running() as logged:
        old = reloading.current.decider
        policy.write_text(policy.read_text().replace("name: default", "name: strict"))
        assert _ask(reloading, logged, "switched")["policy"] == "strict"
        new = reloading.current.decider
    assert new.policy.name == "strict"
    assert new.policy.digest != old.policy.digest
    assert new.moderator is not old.moderator
    assert (new.detector, new.scorer, new.isolation) == (old.detector, old.scorer, old.isolation)


def test_other_settings_are_named_and_not_applied(reloading: Reloading) -> None:
    with reloading.running() as logged:
        more = "kafka: {group_id: other, client: {sasl_plain_password: hush}}\nemit: all\n"
        reloading.configure(reloading.folder / "b", more)
        _ask(reloading, logged, "switched")
        (event,) = [event for event in logged if event["event"] == "settings_need_restart"]
    assert event["settings"] == ["kafka.group_id", "kafka.client", "emit"]
    assert "hush" not in str(logged)


def test_how_the_stream_is_batched_stays(reloading: Reloading) -> None:
    with reloading.running() as logged:
        reloading.config.write_text(f"detector: {{model: {reloading.folder / 'b'}, max_latency_ms: 7}}")
        _ask(reloading, logged, "switched")
        (event,) = [event for event in logged if event["event"] == "settings_need_restart"]
    assert event["settings"] == ["detector.max_latency_ms"]


def test_a_new_token_budget_is_taken_over(reloading: Reloading) -> None:
    with reloading.running() as logged:
        reloading.config.write_text(f"detector: {{model: {reloading.folder / 'b'}, token_budget: 7}}")
        _ask(reloading, logged, "switched")
        assert reloading.current.decider.scorer.token_budget == 7


def test_asked_during_a_load_it_loads_once_more_and_the_latest_wins(
    reloading: Reloading, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def slow(detector: Detector) -> None:
        del detector
        loading.set()
        assert go_on.wait(PATIENCE_S)

    linear_checkpoint(reloading.folder / "c", 3.0)
    monkeypatch.setattr("worker.stream.decider.rehearse", slow)
    with reloading.running() as logged:
        reloading.configure(reloading.folder / "c")
        reloading.asked.put(None)
        assert loading.wait(PATIENCE_S)
        old = reloading.digest
        for name in ("a", "c", "b"):
            reloading.configure(reloading.folder / name)
            reloading.asked.put(None)
        assert reloading.digest == old
        go_on.set()
        wait_until(lambda: reloading.digest == reloading.detectors["b"].digest, what="the latest")
        outcomes = [event["detector"] for event in logged if event["event"] == "detector_switched"]
    assert outcomes == ["c", "b"]


def test_the_detector_that_was_replaced_leaves_memory(reloading: Reloading) -> None:
    with reloading.running() as logged:
        gone = weakref.ref(reloading.current.decider.detector)
        gc.disable()
        try:
            turn_over(reloading.folder / "model", reloading.folder / "b")
            _ask(reloading, logged, "switched")
            assert gone() is None
        finally:
            gc.enable()


@pytest.mark.parametrize("change", ["link", "config", "weights", "policy"])
def test_it_looks_by_itself_when_it_is_told_how_often(tmp_path: Path, change: str) -> None:
    reloading = Reloading(tmp_path, {f"{PREFIX}WATCH_INTERVAL_S": "0.05"})
    policy = tmp_path / "policy.yaml"
    shutil.copy(DEFAULT_FILE, policy)
    reloading.configure(tmp_path / "model", f"policy: {{file: {policy}}}")
    with reloading.running() as logged:
        wait_until(lambda: reloading.rereads > 2, what="some looks")
        assert logged == []
        if change == "link":
            turn_over(tmp_path / "model", tmp_path / "b")
        elif change == "config":
            reloading.configure(tmp_path / "b", f"policy: {{file: {policy}}}")
        elif change == "weights":
            linear_checkpoint(tmp_path / "a", 2.0)
        else:
            policy.write_text(policy.read_text().replace("name: default", "name: strict"))
        wait_until(lambda: any(e["event"] == "detector_switched" for e in logged), what="the switch")


def test_what_is_broken_is_said_once_however_often_it_looks(tmp_path: Path) -> None:
    reloading = Reloading(tmp_path, {f"{PREFIX}WATCH_INTERVAL_S": "0.02"})
    with reloading.running() as logged:
        reloading.configure(tmp_path / "none")
        wait_until(lambda: bool(logged), what="the refusal")
        seen = reloading.rereads
        wait_until(lambda: reloading.rereads > seen + 5, what="some more looks")
        assert [event["event"] for event in logged] == ["detector_refused"]
