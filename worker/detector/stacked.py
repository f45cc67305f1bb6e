"""Several detectors as one: logistic combinations of their logits."""

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
_COMBINATION_VERSION: Final = 2
_ROUNDING: Final = 1e-6

Scale = Annotated[float, Meta(gt=0)]


class Member(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One detector of a stack.

    Attributes:
        folder: path of its directory inside the stack's; it has a `detector.json` of its own.
        mean: of its logits, where the combination was fitted.
        scale: their standard deviation there.
    """

    folder: str
    mean: float
    scale: Scale

    def __post_init__(self) -> None:
        check_inside(self.folder)


class Length(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the logarithm of a text's tokens is standardised.

    Attributes:
        mean: of the logarithm, where the combination was fitted.
        scale: its standard deviation there.
    """

    mean: float
    scale: Scale


class WeightedSum(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log-odds that a machine of one group of generators wrote a text, rather than a human.

    bias + sum of z * (weight + by_length * l) over the members + l * length, where z is a member's
    standardised logit and l the text's standardised length.

    Attributes:
        generators: name of the group, for people.
        share: of the machines' texts that are taken to be of this group.
        bias: log-odds of a text of which every member says what it says on average.
        weights: log-odds that a member adds by a logit of one standard deviation above its mean, in the order
            of the members.
        by_length: how much that grows where the length is one standard deviation above its mean; empty where
            the weights are the same for all lengths.
        length: log-odds that one standard deviation of the length adds by itself.
    """

    generators: str = "all"
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    bias: float
    weights: tuple[float, ...]
    by_length: tuple[float, ...] = ()
    length: float = 0.0


class Stack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the `detector.json` of a stacked detector (Wolpert, "Stacked generalization", 1992).

    The logit is that of a mixture of groups of generators: log of the sum of share * exp(sum) over the sums.
    A text that looks like one group's need not look like another's, which no single weighted sum can say. The
    length is the logarithm of the most tokens that a member counts.

    Attributes:
        members: the detectors.
        sums: one for each group of generators; one alone is the logit.
        length: null where the combination is the same for all lengths.
    """

    members: Annotated[tuple[Member, ...], Meta(min_length=1)]
    sums: Annotated[tuple[WeightedSum, ...], Meta(min_length=1)]
    length: Length | None = None

    def __post_init__(self) -> None:
        for one in self.sums:
            if len(one.weights) != len(self.members) or len(one.by_length) not in {0, len(self.members)}:
                raise ValueError(
                    "a sum has another number of `weights` or `by_length` than there are members"
                )
            if self.length is None and (one.by_length or one.length):
                raise ValueError("a sum goes by length, but there is no `length`")
        if not math.isclose(sum(one.share for one in self.sums), 1.0, abs_tol=_ROUNDING):
            raise ValueError("the `share` of all sums must add up to 1")

    def logit(self, logits: Sequence[float], tokens: int) -> float:
        """The combination of the members' logits of one text, which is this many tokens long."""
        length = 0.0
        if self.length is not None:
            length = (math.log(max(1, tokens)) - self.length.mean) / self.length.scale
        standardised = [
            (logit - member.mean) / member.scale for member, logit in zip(self.members, logits, strict=True)
        ]
        combined = [_value(one, standardised, length) for one in self.sums]
        most = max(combined)
        # Shifted by the largest, so that no exponential runs over.
        return most + math.log(sum(math.exp(value - most) for value in combined))


def _value(one: WeightedSum, standardised: Sequence[float], length: float) -> float:
    value = math.log(one.share) + one.bias + length * one.length
    for weight, z in zip(one.weights, standardised, strict=True):
        value += weight * z
    for change, z in zip(one.by_length, standardised, strict=False):
        value += change * length * z
    return value


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
        self.on_gpu = any(member.on_gpu for member in members)
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
