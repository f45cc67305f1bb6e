"""How the people who decide are doing, in figures that are shown only where there is enough to tell."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from worker.lab.intervals import rate
from worker.review.agreement import cohen_kappa, krippendorff_alpha

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.lab.evaluation.figures import Rate
    from worker.records import Verdict


class Person(NamedTuple):
    """One person's figures; None where the sample is smaller than stated.

    Attributes:
        name: who.
        decided: how many flags the person's verdict stands on.
        known: how many of those are of texts whose author is known.
        right: the share of known texts, `unsure` left out, that the verdict was right about.
    """

    name: str
    decided: int
    known: int
    right: Rate | None


class Pair(NamedTuple):
    """Two people who decided on the same flags, and Cohen's kappa where there were enough of those."""

    one: str
    other: str
    flags: int
    kappa: float | None


class Group(NamedTuple):
    """Everybody's figures. People stand in the order of their names: they are not ranked.

    Attributes:
        people: each person.
        pairs: each two who share flags.
        shared: flags that two people or more decided on.
        alpha: Krippendorff's over those; None where there are too few.
        right: the share of known texts that the group was right about; None where there are too few.
    """

    people: tuple[Person, ...]
    pairs: tuple[Pair, ...]
    shared: int
    alpha: float | None
    right: Rate | None


def measure(
    verdicts: Mapping[str, Mapping[str, Verdict]], known: Mapping[str, Verdict], *, least: int
) -> Group:
    """Measures a group.

    Args:
        verdicts: for each flag what each reviewer said last.
        known: for flags of texts whose author is known, what is true.
        least: the smallest sample of which a figure is given.
    """
    decided: dict[str, int] = defaultdict(int)
    hits: dict[str, list[bool]] = defaultdict(list)
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for flag_id, given in verdicts.items():
        for name, verdict in given.items():
            decided[name] += 1
            if flag_id in known and verdict != "unsure":
                hits[name].append(verdict == known[flag_id])
        for one, other in combinations(sorted(given), 2):
            pairs[one, other].append((given[one], given[other]))
    shared = [tuple(given.values()) for given in verdicts.values() if len(given) > 1]
    return Group(
        people=tuple(
            Person(name, decided[name], len(hits[name]), _rate(hits[name], least)) for name in sorted(decided)
        ),
        pairs=tuple(
            Pair(*names, len(said), cohen_kappa(said) if len(said) >= least else None)
            for names, said in sorted(pairs.items())
        ),
        shared=len(shared),
        alpha=krippendorff_alpha(shared) if len(shared) >= least else None,
        right=_rate([hit for some in hits.values() for hit in some], least),
    )


def _rate(hits: list[bool], least: int) -> Rate | None:
    return rate(sum(hits), len(hits)) if len(hits) >= max(least, 1) else None
