"""Every signal by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.errors import SettingsError
from worker.signals.account_age import AccountAge
from worker.signals.author_record import AuthorRecord
from worker.signals.duplicate_text import DuplicateText
from worker.signals.follower_ratio import FollowerRatio
from worker.signals.link_share import LinkShare
from worker.signals.near_duplicate import NearDuplicate
from worker.signals.posting_rate import PostingRate

if TYPE_CHECKING:
    from worker.detector.protocol import Detector
    from worker.settings import SignalSettings
    from worker.signals.protocol import PostSignal, StateSignal

SIGNAL_NAMES: Final = (
    "account_age",
    "follower_ratio",
    "posting_rate",
    "duplicate_text",
    "near_duplicate",
    "link_share",
    "author_record",
)


def check_names(settings: SignalSettings) -> None:
    """Refuses names that are no signals.

    Raises:
        SettingsError: an unknown name, or one that is given twice.
    """
    where = "settings: signals.enabled (FLAGSTAFF_SIGNALS__ENABLED)"
    for name in settings.enabled:
        if name not in SIGNAL_NAMES:
            raise SettingsError(f"{where}: {name!r} is no signal; there are {', '.join(SIGNAL_NAMES)}")
    if len(set(settings.enabled)) < len(settings.enabled):
        raise SettingsError(f"{where}: a name is given twice")


def post_signals() -> dict[str, PostSignal]:
    """The signals that need nothing but the post."""
    return {"account_age": AccountAge(), "follower_ratio": FollowerRatio(), "link_share": LinkShare()}


def state_signals(settings: SignalSettings, detector: Detector) -> dict[str, StateSignal]:
    """The signals that remember other posts."""
    return {
        "posting_rate": PostingRate(settings.rate_window_s),
        "duplicate_text": DuplicateText(settings.duplicate_window_s),
        "near_duplicate": NearDuplicate(settings.duplicate_window_s),
        "author_record": AuthorRecord(
            settings.record_window_s, settings.record_posts, detector.digest, detector.calibration
        ),
    }


def windows(settings: SignalSettings) -> dict[str, int]:
    """How far each enabled signal that remembers looks back, in seconds."""
    spans = {
        "posting_rate": settings.rate_window_s,
        "duplicate_text": settings.duplicate_window_s,
        "near_duplicate": settings.duplicate_window_s,
        "author_record": settings.record_window_s,
    }
    return {name: spans[name] for name in settings.enabled if name in spans}
