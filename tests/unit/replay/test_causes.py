"""Which causes two flags tell: plain values in, names out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from worker.action_rate.hold import hold
from worker.records import DetectorReading, Flag, PolicyStamp, SignalReading, Source
from worker.replay.causes import SignalDifference, differing_fields, signal_cause, told, without_flag

if TYPE_CHECKING:
    from worker.replay.causes import Cause

DETECTOR = DetectorReading(
    name="d",
    digest="d1",
    logit=1.0,
    probability=0.7,
    tokens=40,
    truncated=False,
    calibrated=True,
    threshold=0.9,
    false_positive_bound=0.01,
)


def flag(detector: str = "d1", policy: str = "p1", reasons: tuple[str, ...] = (), **values: Any) -> Flag:
    """A flag with these signals."""
    return Flag(
        id="f",
        post_id="p",
        author_id="a",
        source=Source("posts", 0, 0, 0),
        action="pass",
        score=0.5,
        detector=replace(DETECTOR, digest=detector),
        signals=tuple(SignalReading(name, value, value or 0.0) for name, value in values.items()),
        reasons=reasons,
        policy=PolicyStamp("default", policy),
        metadata={},
    )


STATE: dict[str, Any] = {"posting_rate": 3.0, "duplicate_text": 1.0, "author_record": 0.5}
AWAY: dict[str, Any] = dict.fromkeys(STATE)


@pytest.mark.parametrize(
    ("published", "replayed", "causes", "left_open"),
    [
        (flag(detector="d0", **STATE), flag(**STATE), ("detector_changed",), ()),
        (flag(policy="p0", **STATE), flag(**STATE), ("policy_changed",), ()),
        (flag("d0", "p0", **STATE), flag(**STATE), ("detector_changed", "policy_changed"), ()),
        (flag(posting_rate=3.0), flag(**STATE), ("signal_settings_changed",), ()),
        (flag(**AWAY), flag(**STATE), ("degraded",), ()),
        (flag(**STATE | {"posting_rate": 2.0}), flag(**STATE), (), ("posting_rate",)),
        (flag(**STATE | {"posting_rate": None}), flag(**STATE), (), ("posting_rate",)),
        # Another detector reads another record; what it counts has other causes.
        (
            flag(detector="d0", **STATE | {"posting_rate": 2.0, "author_record": 0.1}),
            flag(**STATE),
            ("detector_changed",),
            ("posting_rate",),
        ),
        # What a post alone tells can't be read otherwise.
        (flag(account_age=3.0), flag(account_age=4.0), ("unknown",), ()),
    ],
)
def test_two_flags_tell(
    published: Flag, replayed: Flag, causes: tuple[Cause, ...], left_open: tuple[str, ...]
) -> None:
    # As is so with readings of the same detector, policy and settings: given the same, they decide the same.
    found = told(published, replayed, published)
    assert (found.causes, found.open) == (causes, left_open)


def test_a_held_flag_is_told_from_the_flag_that_the_policy_made() -> None:
    pure = replace(flag(reasons=("why",), **STATE), action="review")
    held = hold(pure)
    assert told(held, pure, pure) == (("held",), (), ())
    # What else differs has causes of its own, as if nothing had been held down.
    counted = replace(pure, signals=flag(**STATE | {"posting_rate": 5.0}).signals)
    found = told(held, counted, pure)
    assert (found.causes, found.open) == (("held",), ("posting_rate",))
    assert told(held, replace(pure, score=0.6), None).causes == ("held", "unknown")
    window = replace(pure, reasons=("why else",))
    assert told(held, window, window).causes == ("held", "signal_settings_changed")


def test_in_a_staged_release_the_digests_tell_whose_decision_a_flag_is() -> None:
    champion, challenger = flag("d1", "p1", **STATE), flag("d2", "p2", **STATE)
    assert told(challenger, champion, champion).causes == ("detector_changed", "policy_changed")
    only_policy = flag("d1", "p2", **STATE)
    assert told(only_policy, champion, champion).causes == ("policy_changed",)
    held = hold(replace(challenger, action="limit"))
    assert told(held, champion, champion).causes == ("held", "detector_changed", "policy_changed")


def test_what_the_readings_do_not_explain_is_a_window_or_unknown() -> None:
    published, replayed = (
        flag(reasons=("within 24 hours",), **STATE),
        flag(reasons=("within 1 hour",), **STATE),
    )
    assert told(published, replayed, replayed).causes == ("signal_settings_changed",)
    other = replace(replayed, score=0.6)
    assert told(published, other, other).causes == ("unknown",)
    assert told(published, other, None).causes == ("unknown",)


@pytest.mark.parametrize(
    ("name", "published", "own", "replayed", "cause"),
    [
        ("posting_rate", 3.0, 2.0, 5.0, "order_of_arrival"),
        ("posting_rate", 2.0, 2.0, 5.0, "order_of_arrival"),
        ("posting_rate", 1.0, 2.0, 5.0, "signal_state"),
        ("posting_rate", 6.0, 2.0, 5.0, "signal_state"),
        ("duplicate_text", 0.0, 1.0, 1.0, "signal_state"),
        ("near_duplicate", None, 0.0, 1.0, "signal_state"),
        ("posting_rate", 3.0, None, 5.0, "signal_state"),
        ("author_record", 0.9, 0.1, 0.5, "order_of_arrival"),
        ("author_record", None, None, 0.5, "order_of_arrival"),
        ("author_record", 0.9, 0.5, 0.5, "signal_state"),
    ],
)
def test_order_explains_what_lies_between_the_least_and_all(
    name: str, published: float | None, own: float | None, replayed: float | None, cause: Cause
) -> None:
    difference = SignalDifference(name=name, published=published, replayed=replayed, own_partition=own)
    assert signal_cause(difference) == cause


@pytest.mark.parametrize(
    ("stage", "in_force", "causes"),
    [
        ("detect", ("d0", "p0"), ("dead_letter",)),
        (None, ("d0", "p1"), ("detector_changed",)),
        (None, ("d1", "p0"), ("policy_changed",)),
        (None, ("d1", "p1"), ("unknown",)),
        (None, None, ("unknown",)),
    ],
)
def test_why_there_is_no_flag(
    stage: str | None, in_force: tuple[str, str] | None, causes: tuple[Cause, ...]
) -> None:
    assert without_flag(stage, in_force, flag()) == causes


def test_fields_that_differ_are_named_in_order() -> None:
    assert differing_fields(flag(), replace(flag(), score=0.6, action="label")) == ("action", "score")
