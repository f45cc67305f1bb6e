"""All attacks. Several are those of RAID (Dugan et al. 2024), with tables of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.lab.robustness.characters import character_attacks
from worker.lab.robustness.layout import layout_attacks
from worker.lab.robustness.spelling import spelling_attacks
from worker.lab.robustness.splicing import splicing_attacks
from worker.lab.robustness.wording import wording_attacks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.robustness.attack import Attack


def attacks(human_texts: Sequence[str]) -> tuple[Attack, ...]:
    """Every attack, always in the same order.

    Args:
        human_texts: texts of the same kind as those that will be attacked, at least one; what is spliced in
            comes from them.
    """
    return (
        *character_attacks(),
        *layout_attacks(),
        *spelling_attacks(),
        *wording_attacks(),
        *splicing_attacks(human_texts),
    )
