"""A scenario from a YAML file, with options over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from worker.capacity.scenario import Scenario
from worker.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def load_scenario(path: Path | None, over: dict[str, Any]) -> Scenario:
    """The scenario of a file, with options over it.

    Args:
        path: YAML, or None for the options alone.
        over: values by their keys, `{"load.peak": 5_000}`.

    Raises:
        SettingsError: the file can't be read, a key is unknown, or a value makes no sense; one line.
    """
    tree = _read(path) if path is not None else {}
    for key, value in over.items():
        *groups, name = key.split(".")
        here = tree
        for group in groups:
            here = here.setdefault(group, {})
            if not isinstance(here, dict):
                raise SettingsError(f"plan: {path}: {group} must hold keys and values")
        here[name] = value
    try:
        scenario = msgspec.convert(tree, Scenario)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        place = f"{where.rstrip('`')}: " if where else ""
        raise SettingsError(f"plan: {path or 'the options'}: {place}{what}") from None
    _check(scenario, path)
    return scenario


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"plan: can't read {path}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise SettingsError(f"plan: {path}{where} is not valid YAML") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise SettingsError(f"plan: {path} must hold keys and values, not a {type(loaded).__name__}")
    return loaded


def _check(scenario: Scenario, path: Path | None) -> None:
    load, lengths, engine = scenario.load, scenario.posts, scenario.engine
    where = f"plan: {path or 'the options'}"
    if not load.peak_rate:
        raise SettingsError(f"{where}: no load; give load.peak (--peak) or load.hourly")
    if load.hourly and (load.peak or load.mean):
        raise SettingsError(
            f"{where}: load.hourly says peak and mean by itself; leave out load.peak and load.mean"
        )
    if load.mean_rate > load.peak_rate:
        raise SettingsError(f"{where}: load.mean {load.mean_rate:g} is above load.peak {load.peak_rate:g}")
    if load.bursts.factor > 1 and load.bursts.lasts_s >= load.bursts.every_s:
        raise SettingsError(f"{where}: load.bursts.lasts_s must be below load.bursts.every_s")
    if lengths.least > lengths.most:
        raise SettingsError(f"{where}: posts.least {lengths.least} is above posts.most {lengths.most}")
    if engine.tokens_per_s and engine.posts_per_s:
        raise SettingsError(
            f"{where}: engine.tokens_per_s and engine.posts_per_s say the same; keep one of them"
        )
