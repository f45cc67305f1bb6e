from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.unit.test_schemas import FLAG
from worker.action_rate.hold import ACTIONS, held_action, hold, released

if TYPE_CHECKING:
    from worker.records import Holdable


@pytest.mark.parametrize("action", ACTIONS)
def test_a_held_flag_says_so_and_gives_the_pure_one_back(action: Holdable) -> None:
    flag = replace(FLAG, action=action)
    held = hold(flag)
    assert held.action == "label"
    assert held.reasons == (
        *flag.reasons,
        f"The policy's action is {action}; the action-rate breaker holds it down to label.",
    )
    assert replace(held, action=action, reasons=flag.reasons) == flag
    assert held_action(held) == action
    assert released(held) == flag


@pytest.mark.parametrize("reasons", [(), ("one plain sentence",)])
def test_a_flag_that_is_not_held_is_its_own(reasons: tuple[str, ...]) -> None:
    flag = replace(FLAG, action="label", reasons=reasons)
    assert held_action(flag) is None
    assert released(flag) == flag


def test_what_is_not_above_label_is_not_held() -> None:
    with pytest.raises(ValueError, match="pass"):
        hold(replace(FLAG, action="pass"))
