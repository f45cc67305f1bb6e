"""Checks that need no other machine: mapping, signals' names, policy, detector, folder."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.action_rate.watch import design
from worker.checks.finding import Finding
from worker.detector.loading import load_detector
from worker.errors import FlagstaffError
from worker.extras import how_to_install
from worker.intake import PostReader
from worker.policy import load_policy
from worker.release.challenger import challenger_settings
from worker.signals.catalogue import check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.settings import Settings

_SAMPLE: Final = "The ferry was late again, so we walked along the harbour and counted the gulls."


def check_local(settings: Settings) -> Iterator[Finding]:
    """Findings on what lies on this machine."""
    for what, look in (
        ("posts' fields", _fields),
        ("signals", _signals),
        ("policy", _policy),
        ("action rates", _action_rates),
        ("detector", _detector),
        ("data directory", _data_dir),
    ):
        yield _found(what, look, settings)
    if settings.stage.named:
        challenger = challenger_settings(settings)
        yield _found("policy", _policy, challenger)._replace(what="challenger's policy")
        yield _found("detector", _detector, challenger)._replace(what="challenger's detector")


def _found(what: str, look: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return look(settings)
    except FlagstaffError as error:
        return Finding("fail", what, str(error))
    except ModuleNotFoundError as error:
        if (detail := how_to_install(error)) is None:
            raise
        return Finding("fail", what, detail)


def _fields(settings: Settings) -> Finding:
    PostReader(settings.fields, settings.stream.max_text_chars, settings.stream.max_post_bytes)
    mapped = [
        name for name in settings.fields.__struct_fields__ if getattr(settings.fields, name) is not None
    ]
    return Finding("ok", "posts' fields", f"mapped: {', '.join(mapped)}" if mapped else "none is mapped")


def _signals(settings: Settings) -> Finding:
    check_names(settings.signals)
    return Finding("ok", "signals", ", ".join(settings.signals.enabled) or "none is read")


def _policy(settings: Settings) -> Finding:
    policy = load_policy(Path(settings.policy.file) if settings.policy.file else None)
    return Finding("ok", "policy", f"{policy.name}, digest {policy.digest}")


def _action_rates(settings: Settings) -> Finding:
    rates = settings.action_rate
    test = design(rates)
    if not rates.enabled:
        return Finding("warn", "action rates", "not watched: a detector gone wrong is not held down")
    stated = [rates.usual_review, rates.usual_limit]
    most = max([rates.usual_most, *[share for share in stated if share is not None]])
    posts = test.posts_to_trip(most, 1.0)
    detail = f"an action that every post gets is held down to label within {posts} posts of a process"
    return Finding("ok", "action rates", detail)


def _detector(settings: Settings) -> Finding:
    detector = load_detector(settings.detector)
    (logit,) = detector.logits(detector.encode([_SAMPLE]))
    if not math.isfinite(logit):
        return Finding("fail", "detector", f"{detector.name} gives {logit} for a plain sentence")
    detail = f"{detector.name}, digest {detector.digest}"
    if not detector.calibration.fitted:
        return Finding("warn", "detector", f"{detail}; it is not calibrated, so every post is out of range")
    return Finding("ok", "detector", detail)


def _data_dir(settings: Settings) -> Finding:
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        detail = f"data_dir (FLAGSTAFF_DATA_DIR): can't write to {folder}: {error.strerror}"
        return Finding("fail", "data directory", detail)
    return Finding("ok", "data directory", str(folder.resolve()))
