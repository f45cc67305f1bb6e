from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml

from worker.errors import SettingsError
from worker.policy import DEFAULT_FILE, Policy, SignalRules, load_policy
from worker.settings import SignalSettings
from worker.signals.catalogue import SIGNAL_NAMES

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = {
    "name": "mine",
    "thresholds": {"label": 0.5, "review": 0.6, "limit": 0.7},
    "detector": {},
    "signals": {"link_share": {"weight": 1}},
}


def written(folder: Path, content: object) -> Path:
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_default_weighs_every_signal() -> None:
    policy = load_policy()
    assert policy.name == "default"
    assert all(getattr(policy.signals, name) is not None for name in SIGNAL_NAMES)
    assert policy.detector.alone == "label"


def test_signals_are_called_the_same_everywhere() -> None:
    assert set(SignalRules.__struct_fields__) == set(SIGNAL_NAMES) == set(SignalSettings().enabled)


def test_the_digest_is_of_what_is_said_and_not_of_how(tmp_path: Path) -> None:
    original = load_policy()
    shuffled = yaml.safe_load(DEFAULT_FILE.read_text())
    shuffled = dict(reversed(shuffled.items()))
    assert load_policy(written(tmp_path, shuffled)).digest == original.digest
    shuffled["thresholds"]["label"] = 0.81
    assert load_policy(written(tmp_path, shuffled)).digest != original.digest


def test_a_default_that_is_written_out_is_the_same_policy(tmp_path: Path) -> None:
    short = load_policy(written(tmp_path, MINIMAL))
    full = load_policy(written(tmp_path, msgspec.to_builtins(short)))
    assert full == short
    assert full.digest == short.digest


ORDERED = {"label": 0.6, "review": 0.7, "limit": 0.8}


def link_share(**rule: object) -> dict[str, object]:
    return {"signals": {"link_share": rule}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": ORDERED | {"label": 0.75}}, "thresholds: must ascend"),
        ({"thresholds": ORDERED | {"label": 0.7}}, "thresholds: must ascend"),
        ({"thresholds": ORDERED | {"limit": 1.0}}, "thresholds.limit: expected `float` < 1"),
        ({"thresholds": {"label": 0.6}}, "thresholds: object missing required field `review`"),
        ({"extra": 1}, "object contains unknown field `extra`"),
        ({"signals": {"nonsense": {"weight": 1}}}, "signals: object contains unknown field `nonsense`"),
        (link_share(wait=1), "signals.link_share: object contains unknown field `wait`"),
        (link_share(weight="much"), "signals.link_share.weight: expected `float`, got `str`"),
        (link_share(weight=float("nan")), "signals.link_share.weight: expected `float`"),
        (link_share(weight=1, supports="ban"), "signals.link_share.supports: invalid"),
        (link_share(weight=1, least=1), "signals.link_share.least: expected `float` <= 0"),
        (
            link_share(weight=1, transform="log1p", neutral=-2),
            "signals.link_share.neutral: must be 0 or more with log1p",
        ),
        ({"detector": {"alone": "abstain"}}, "detector.alone: invalid"),
        ({"name": ""}, "name: expected `str` of length >= 1"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = written(tmp_path, MINIMAL | change)
    with pytest.raises(SettingsError) as caught:
        load_policy(path)
    assert str(caught.value).startswith(f"policy: {path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"just text", b"a: [", b"\xff\xfe", b"a: *none"])
def test_what_is_no_policy_at_all_is_one_line_too(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="policy: ") as caught:
        load_policy(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't read"):
        load_policy(tmp_path / "none.yaml")


def test_it_has_a_schema() -> None:
    schema = msgspec.json.schema(Policy)
    assert schema["$defs"]["SignalRules"]["additionalProperties"] is False
