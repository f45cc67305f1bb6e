"""How much the score sways people: what they said without having seen it, and with it.

Two figures, of two kinds. *Changed*: whoever judged with score and reasons hidden sees them afterwards, and
may say something else; how many did, and which way. *Apart*: where a draw decides from whom they are hidden,
how much more often `machine` is said by those who see them; nothing but the score tells the groups apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from worker.lab.intervals import difference, rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.lab.evaluation.figures import Estimate, Rate
    from worker.records import Verdict

# Whether score and reasons were hidden when a verdict was given, and whether a draw had decided that.
Seen = Literal["hidden", "shown", "drawn-hidden", "drawn-shown"]
SEEN: Final[tuple[Seen, ...]] = get_args(Seen)
_HIDDEN: Final = frozenset[Seen]({"hidden", "drawn-hidden"})


class Judgement(NamedTuple):
    """What one reviewer said of one flag that stands against its author (`label`, `review`, `limit`).

    Attributes:
        first: their first verdict, taken back or not.
        last: the one that stands; None where none does.
        seen: whether the score was hidden at the first one; None where that is not known.
        truth: who wrote the text, where that is known.
    """

    first: Verdict
    last: Verdict | None
    seen: Seen | None
    truth: Verdict | None


class Accuracy(NamedTuple):
    """How many known texts were judged right at first, by who wrote them; None where there are too few."""

    seen: Literal["hidden", "shown"]
    human: Rate | None
    machine: Rate | None
    all: Rate | None


class Sway(NamedTuple):
    """The figures; None where there are too few judgements.

    Attributes:
        hidden: judgements that were made with the score hidden and have a verdict standing.
        changed: the share of them whose reviewer then said something else.
        to_machine: how many of those changed to `machine`, which is what the flag proposes.
        drawn_hidden: sure first verdicts where a draw hid the score.
        drawn_shown: the same where it did not.
        apart: by how much larger the share of `machine` is where it was shown, between -1 and 1.
        accuracy: of first verdicts on known texts, with the score hidden and with it shown.
    """

    hidden: int
    changed: Rate | None
    to_machine: int
    drawn_hidden: int
    drawn_shown: int
    apart: Estimate | None
    accuracy: tuple[Accuracy, Accuracy]


def measure_sway(judgements: Iterable[Judgement], *, least: int) -> Sway:
    """Measures a group.

    Args:
        judgements: of everybody.
        least: the smallest sample of which a figure is given; of a difference, on either side.
    """
    given = list(judgements)
    blind = [one for one in given if one.seen in _HIDDEN and one.last is not None]
    changed = [one for one in blind if one.last != one.first]
    hidden = [one.first == "machine" for one in given if one.seen == "drawn-hidden" and one.first != "unsure"]
    shown = [one.first == "machine" for one in given if one.seen == "drawn-shown" and one.first != "unsure"]
    enough = min(len(hidden), len(shown)) >= max(least, 1)
    return Sway(
        hidden=len(blind),
        changed=_rate([one.last != one.first for one in blind], least),
        to_machine=sum(one.last == "machine" for one in changed),
        drawn_hidden=len(hidden),
        drawn_shown=len(shown),
        apart=difference((sum(shown), len(shown)), (sum(hidden), len(hidden))) if enough else None,
        accuracy=(
            _accuracy("hidden", [one for one in given if one.seen in _HIDDEN], least),
            _accuracy("shown", [one for one in given if one.seen in {"shown", "drawn-shown"}], least),
        ),
    )


def _accuracy(seen: Literal["hidden", "shown"], given: Sequence[Judgement], least: int) -> Accuracy:
    known = [(one.truth, one.first == one.truth) for one in given if one.truth and one.first != "unsure"]
    human, machine = ([hit for truth, hit in known if truth == wrote] for wrote in ("human", "machine"))
    return Accuracy(seen, _rate(human, least), _rate(machine, least), _rate(human + machine, least))


def _rate(hits: list[bool], least: int) -> Rate | None:
    return rate(sum(hits), len(hits)) if len(hits) >= max(least, 1) else None
