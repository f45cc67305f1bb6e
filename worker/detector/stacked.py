"""Several detectors as one: a logistic combination of their logits."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from worker.detector.protocol import Encoded
from worker.detector.relative_path import check_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import Calibration
    from worker.detector.protocol import Detector

# Raise it when the same members and weights would give other logits.
_COMBINATION_VERSION: Final = 1

Scale = Annotated[float, Meta(gt=0)]


class Member(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One detector of a stack, and what its word weighs.

    Attributes:
        folder: path of its directory inside the stack's; it has a `detector.json` of its own.
        mean: of its logits, where the combination was fitted.
        scale: their standard deviation there.
        weight: log-odds that a logit of one standard deviation above the mean adds.
        by_length: how much that grows where the length is one standard deviation above its mean.
    """

    folder: str
    mean: float
    scale: Scale
    weight: float
    by_length: float = 0.0

    def __post_init__(self) -> None:
        check_inside(self.folder)


class Length(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the logarithm of a text's tokens is standardised, and what it weighs by itself.

    Attributes:
        mean: of the logarithm, where the combination was fitted.
        scale: its standard deviation there.
        weight: log-odds that one standard deviation adds.
    """

    mean: float
    scale: Scale
    weight: float


class Stack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the `detector.json` of a stacked detector (Wolpert, "Stacked generalization", 1992).

    logit = bias + sum of z * (weight + by_length * l) over the members + l * length.weight, where z is a
    member's standardised logit and l the text's standardised length: the logarithm of the most tokens that a
    member counts. Without `length`, l is 0.

    Attributes:
        members: the detectors.
        bias: log-odds of a text of which every member says what it says on average.
        length: what the length weighs; null where the combination is the same for all lengths.
    """

    members: Annotated[tuple[Member, ...], Meta(min_length=1)]
    bias: float
    length: Length | None = None

    def __post_init__(self) -> None:
        if self.length is None and any(member.by_length for member in self.members):
            raise ValueError("a member has `by_length`, but there is no `length`")

    def logit(self, logits: Sequence[float], tokens: int) -> float:
        """The combination of the members' logits of one text, which is this many tokens long."""
        length = 0.0
        if self.length is not None:
            length = (math.log(max(1, tokens)) - self.length.mean) / self.length.scale
        combined = self.bias + (length * self.length.weight if self.length is not None else 0.0)
        for member, logit in zip(self.members, logits, strict=True):
            combined += (logit - member.mean) / member.scale * (member.weight + member.by_length * length)
        return combined


class StackedDetector:
    """Asks all members about each text. A text that one of them fails on is failed.

    Args:
        name: a short name for people.
        stack: how their logits are combined.
        members: the detectors, in its order.
        calibration: how its logits become probabilities; the members' own are not used.
    """

    def __init__(
        self, name: str, stack: Stack, members: Sequence[Detector], calibration: Calibration
    ) -> None:
        self.name = name
        self.calibration = calibration
        # The one that gains longest decides; the others cut a batch as they like it.
        self.batch_tokens = max(member.batch_tokens for member in members)
        self.digest = _digest(stack, members, calibration)
        self._stack = stack
        self._members = tuple(members)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """What every member makes of each text.

        The tokens are the most that a member counts. A text is truncated where it is for any member: then
        part of the word is on part of the text.
        """
        by_member = [member.encode(texts) for member in self._members]
        return [
            Encoded(own, max(one.tokens for one in own), any(one.truncated for one in own))
            for own in zip(*by_member, strict=True)
        ]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """The log-odds that a machine wrote each text, in order.

        Raises:
            OutOfMemory: there was no memory for the batch.
            DeviceLost: as the protocol says.
            Exception: what a member raises on a text.
        """
        by_member = [
            member.logits([encoded.payload[place] for encoded in batch])
            for place, member in enumerate(self._members)
        ]
        return [
            self._stack.logit(logits, encoded.tokens)
            for encoded, *logits in zip(batch, *by_member, strict=True)
        ]


def _digest(stack: Stack, members: Sequence[Detector], calibration: Calibration) -> str:
    # Not the names of their directories, which change nothing.
    nameless = msgspec.structs.replace(
        stack, members=tuple(msgspec.structs.replace(member, folder=".") for member in stack.members)
    )
    parts = [
        f"stacked {_COMBINATION_VERSION}".encode(),
        *(member.digest.encode() for member in members),
        msgspec.json.encode(nameless),
        msgspec.json.encode(calibration),
    ]
    return blake2b(b"\0".join(parts), digest_size=16).hexdigest()
