"""A candidate: the live settings with another detector, policy or other signals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from worker.backtest.figures import LIVE
from worker.detector.loading import load_detector
from worker.errors import SettingsError
from worker.policy import load_policy
from worker.replay.variants import Variant
from worker.setting_sources import in_user_terms, settings_tree
from worker.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector

_DIFFERING: Final = ("detector", "policy", "signals")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Folders of a backtest that are not a candidate's.
_TAKEN: Final = frozenset({LIVE, "parts"})


class Candidate(NamedTuple):
    """What is to be tried.

    Attributes:
        name: tells candidates apart.
        file: YAML with those settings that differ from the live ones.
    """

    name: str
    file: Path

    def __str__(self) -> str:
        return f"{self.name}={self.file}"


def candidate_of(given: str) -> Candidate:
    """What `NAME=FILE` says.

    Raises:
        ValueError: it is written otherwise, or the name can't be one.
    """
    name, found, file = given.partition("=")
    if not found or not file:
        raise ValueError(f"{given!r}: write NAME=FILE.yaml")
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ValueError(
            f"{name!r} can't be a candidate's name: it takes a-z, 0-9, - and _, and is neither "
            f"{' nor '.join(sorted(_TAKEN))}"
        )
    return Candidate(name, Path(file))


def candidate_settings(live: Settings, candidate: Candidate) -> Settings:
    """The live settings with what the candidate's file names; the environment has no say in it.

    Raises:
        SettingsError: the file can't be read, names another group than detector, policy and signals, or has
            a wrong value; one line that names it.
    """
    tree = settings_tree(Settings, PREFIX, candidate.file, {})
    where = f"backtest: --candidate {candidate}"
    for name in tree:
        if name not in _DIFFERING:
            raise SettingsError(
                f"{where}: it sets {name!r}; only {', '.join(_DIFFERING)} can be a candidate's own"
            )
    merged = _over(msgspec.to_builtins(live), tree)
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {in_user_terms(str(error), Settings, PREFIX)}") from None


def variants(live: Settings, candidates: Sequence[Candidate]) -> list[Variant]:
    """The live one and the candidates, ready to decide; a detector that several name is loaded once.

    Raises:
        SettingsError: settings or a policy are wrong.
        DetectorError: a detector can't be loaded.
    """
    detectors: dict[bytes, Detector] = {}
    found = []
    own = [(one.name, candidate_settings(live, one)) for one in candidates]
    for name, settings in [(LIVE, live), *own]:
        key = msgspec.json.encode(settings.detector)
        if key not in detectors:
            detectors[key] = load_detector(settings.detector)
        policy = load_policy(Path(settings.policy.file) if settings.policy.file else None)
        found.append(Variant(name, detectors[key], policy, settings.signals, settings))
    return found


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    return below | {
        key: _over(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
