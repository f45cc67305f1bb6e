"""Why a decision differs from what was published. Pure: flags and readings in, causes out.

`docs/replay.md` says for each cause how it is told, and what it can't tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct

from worker.action_rate.hold import held_action, released

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.records import Flag

Cause = Literal[
    "held",
    "detector_changed",
    "policy_changed",
    "signal_settings_changed",
    "degraded",
    "order_of_arrival",
    "signal_state",
    "dead_letter",
    "failed",
    "post_gone",
    "unknown",
]
# How many posts or accounts came before: they only grow with the posts that were there to be read.
COUNTING: Final = frozenset({"posting_rate", "duplicate_text", "near_duplicate"})
REMEMBERING: Final = COUNTING | {"author_record"}


class SignalDifference(Struct, frozen=True, kw_only=True):
    """One signal that reads otherwise.

    Attributes:
        name: the signal's.
        published: what the flag says.
        replayed: what all earlier posts of the range and of the window before it give.
        own_partition: what only the earlier offsets of the post's own partition give, which the worker must
            have had; None where that was not asked, or gives no value.
    """

    name: str
    published: float | None
    replayed: float | None
    own_partition: float | None = None


class Told(NamedTuple):
    """What two flags tell.

    Attributes:
        causes: those that are certain.
        open: signals whose cause is told by their own partition's reading.
        signals: all that differ.
    """

    causes: tuple[Cause, ...]
    open: tuple[str, ...]
    signals: tuple[SignalDifference, ...]


def told(published: Flag, replayed: Flag, as_recorded: Flag | None) -> Told:
    """What a published flag and the replayed one tell about why they differ.

    A flag that the action-rate breaker held down says so itself, and gives back what the policy had decided:
    that is what is looked at for further causes.

    Args:
        published: the flag that was published.
        replayed: the flag of today's decision; not equal to the other.
        as_recorded: today's decision with the published flag's readings in place of its own; None where it
            could not be made.
    """
    if held_action(published) is None:
        return _told(published, replayed, as_recorded)
    pure = released(published)
    if pure == replayed:
        return Told(("held",), (), ())
    found = _told(pure, replayed, as_recorded)
    return found._replace(causes=("held", *found.causes))


def _told(published: Flag, replayed: Flag, as_recorded: Flag | None) -> Told:
    causes: list[Cause] = []
    if published.detector.digest != replayed.detector.digest:
        causes.append("detector_changed")
    if published.policy.digest != replayed.policy.digest:
        causes.append("policy_changed")
    before = {signal.name: signal.value for signal in published.signals}
    now = {signal.name: signal.value for signal in replayed.signals}
    settings_changed = list(before) != list(now)
    if not causes and not settings_changed and as_recorded is not None and as_recorded != published:
        # The readings do not explain it. Windows stand in the sentences, and nowhere else in a flag.
        settings_changed = _same_but_for_reasons(published, as_recorded)
        if not settings_changed:
            causes.append("unknown")
    if settings_changed:
        causes.append("signal_settings_changed")
    differing = tuple(
        SignalDifference(name=name, published=before[name], replayed=now[name])
        for name in now
        if name in before and before[name] != now[name]
    )
    to_explain = [one.name for one in differing if not settings_changed]
    if "detector_changed" in causes:
        to_explain = [name for name in to_explain if name != "author_record"]
    if to_explain and _degraded(before, now):
        causes.append("degraded")
        to_explain = []
    if any(name not in REMEMBERING for name in to_explain):
        # It follows from the post alone, and the post is the same.
        causes.append("unknown")
        to_explain = [name for name in to_explain if name in REMEMBERING]
    if not causes and not to_explain:
        causes.append("unknown")
    return Told(tuple(dict.fromkeys(causes)), tuple(to_explain), differing)


def signal_cause(difference: SignalDifference) -> Cause:
    """Whether the order of arrival explains a reading, or only another state of the signals does.

    A worker has read a post after all earlier offsets of its partition, and before some, all or none of the
    posts that stand elsewhere or arrived late. So a count that it read lies between the count over its own
    partition's earlier offsets and the count over all earlier posts. Any other value needs a state that was
    lost, evicted or filled by something that the replay did not read.
    """
    least, most, read = difference.own_partition, difference.replayed, difference.published
    if difference.name in COUNTING:
        if read is None or least is None or most is None:
            return "signal_state"
        return "order_of_arrival" if min(least, most) <= read <= max(least, most) else "signal_state"
    # A mean may go either way with each post, so all that is asked is whether the order matters at all.
    return "order_of_arrival" if least != most else "signal_state"


def without_flag(stage: str | None, in_force: tuple[str, str] | None, replayed: Flag) -> tuple[Cause, ...]:
    """Why nothing was published where a flag is due today.

    Args:
        stage: the stage of the post's dead letter, if it has one.
        in_force: digests of detector and policy of the nearest flag before it in its partition.
        replayed: the flag of today's decision.
    """
    if stage is not None:
        return ("dead_letter",)
    causes: list[Cause] = []
    if in_force is not None and in_force[0] != replayed.detector.digest:
        causes.append("detector_changed")
    if in_force is not None and in_force[1] != replayed.policy.digest:
        causes.append("policy_changed")
    return tuple(causes) or ("unknown",)


def differing_fields(published: Flag, replayed: Flag) -> tuple[str, ...]:
    """Names of the fields in which two flags differ, in the order of a flag."""
    return tuple(
        name for name in published.__struct_fields__ if getattr(published, name) != getattr(replayed, name)
    )


def _same_but_for_reasons(one: Flag, other: Flag) -> bool:
    return differing_fields(one, other) == ("reasons",)


def _degraded(before: Mapping[str, float | None], now: Mapping[str, float | None]) -> bool:
    """Whether all that remembers read nothing where it must have read something: Redis was away."""
    remembering = [name for name in before if name in REMEMBERING]
    return all(before[name] is None for name in remembering) and any(
        now.get(name) is not None for name in remembering if name in COUNTING
    )
