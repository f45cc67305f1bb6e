"""What changes when a detector is run in another number format than the one it was calibrated in."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

# With a larger share of other decisions a format is refused.
MOST_CHANGED: Final = 0.001
# With fewer texts one of them would be a larger share than that.
FEWEST_TEXTS: Final = 1_000

Difference = Annotated[float, Meta(ge=0)]


class FormatShift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A format against the calibration's, both under that calibration, on the same texts.

    A decision is the action that a policy takes on the detector's word alone, without signals.

    Attributes:
        texts: how many were compared, all of them inside the calibrated range.
        changed: share of them that are decided otherwise.
        worst: largest difference of two logits of one text.
        mean: mean absolute difference.
        policy: name and digest of the policy.
        device: kind of the device that both ran on, and of its instructions.
        torch: its version.
    """

    texts: Annotated[int, Meta(ge=1)]
    changed: Annotated[float, Meta(ge=0, le=1)]
    worst: Difference
    mean: Difference
    policy: str
    device: str
    torch: str

    @property
    def allowed(self) -> bool:
        """Whether the calibration may be used in this format."""
        return self.changed <= MOST_CHANGED
