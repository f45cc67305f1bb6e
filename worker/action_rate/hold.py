"""What holding an action down does to a flag, and back again: all of it stands in the flag itself.

A flag is a pure function of post, detector, policy and signal readings. A hold is none of these, so a held
flag is made of the pure one and the word of the hold alone, and `released` gives the pure one back.
"""

from __future__ import annotations

from typing import Final, get_args

from msgspec.structs import replace

from worker.records import Flag, Holdable

ACTIONS: Final[tuple[Holdable, ...]] = get_args(Holdable)
# The header of a held flag: what the policy's action is.
HEADER: Final = "flagstaff-held"
_SENTENCES: Final[dict[Holdable, str]] = {
    action: f"The policy's action is {action}; the action-rate breaker holds it down to label."
    for action in ACTIONS
}
_ACTIONS: Final = {sentence: action for action, sentence in _SENTENCES.items()}


def hold(flag: Flag) -> Flag:
    """The flag held down to `label`: its last reason says what the policy's action is.

    Args:
        flag: one whose action can be held, as the policy decided it.
    """
    for action in ACTIONS:
        if flag.action == action:
            return replace(flag, action="label", reasons=(*flag.reasons, _SENTENCES[action]))
    raise ValueError(f"{flag.action} is not an action that is held down")


def held_action(flag: Flag) -> Holdable | None:
    """The policy's action where the flag was held down; else None."""
    return _ACTIONS.get(flag.reasons[-1]) if flag.reasons else None


def released(flag: Flag) -> Flag:
    """The flag as the policy decided it: `released(hold(flag)) == flag`. Others stay as they are."""
    action = held_action(flag)
    return flag if action is None else replace(flag, action=action, reasons=flag.reasons[:-1])
