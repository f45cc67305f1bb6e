"""Posts that the staff decided on, as samples: decisions joined with flags, flags with posts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from worker.lab.calibration.texts import Line, Place, sample_of
from worker.lab.lines import read_lines
from worker.records import Decision
from worker.verdicts import majority, overturned_flags, votes_by_flag

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from worker.lab.corpus import Sample

REVIEWED: Final = "reviewed"


class Flagged(Struct, frozen=True, kw_only=True):
    """What a flag tells of its post."""

    id: str
    post_id: str
    source: Place


class Reviewed(NamedTuple):
    """The samples, and what became of the decisions.

    Attributes:
        samples: one a post that was decided.
        decisions: how many decisions there were.
        unsure: flags on which nobody was sure.
        disputed: flags on which as many said human as machine.
        no_flag: flags that are not there.
        no_post: posts that are not there, or stand there with several texts.
        overturned: flags that an appeal's answer overturned.
    """

    samples: list[Sample]
    decisions: int
    unsure: int
    disputed: int
    no_flag: int
    no_post: int
    overturned: int


class _Posts:
    """Posts by where they were read, and by id."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._by_place: dict[tuple[str, int, int], Line] = {}
        self._by_id: dict[str, list[Line]] = defaultdict(list)
        for line in lines:
            if isinstance(line.source, Place):
                self._by_place[_key(line.source)] = line
            if line.id is not None:
                self._by_id[line.id].append(line)

    def of(self, flag: Flagged) -> Line | None:
        """The flag's post; none where an id stands for several texts, since the post was edited then."""
        at_place = self._by_place.get(_key(flag.source))
        if at_place is not None:
            return at_place
        lines = self._by_id.get(flag.post_id, [])
        return lines[0] if lines and all(line.text == lines[0].text for line in lines) else None


def reviewed(decisions: Iterable[Path], flags: Iterable[Path], posts: Iterable[Path]) -> Reviewed:
    """Joins decisions by flag id with flags, and flags by place, else by post id, with posts.

    Of a reviewer's decisions on a flag the latest counts; of several reviewers' the majority; where an
    appeal was answered, its answer alone.

    Args:
        decisions: files of `decision.v1`.
        flags: files of flags.
        posts: files of posts, which may have a `source` with topic, partition and offset.

    Raises:
        CorpusError: a file can't be read, or a line is of another form; the message names both.
    """
    given = [decision for path in decisions for _, decision in read_lines(path, Decision, "decision")]
    flag_of = {flag.id: flag for path in flags for _, flag in read_lines(path, Flagged, "flag")}
    known = _Posts(line for path in posts for _, line in read_lines(path, Line, "post"))
    samples: list[Sample] = []
    left_out = {"unsure": 0, "disputed": 0, "no_flag": 0, "no_post": 0}
    for flag_id, votes in votes_by_flag(given).items():
        verdict = majority(votes)
        if verdict is None:
            left_out["disputed" if votes["human"] else "unsure"] += 1
        elif (flag := flag_of.get(flag_id)) is None:
            left_out["no_flag"] += 1
        elif (line := known.of(flag)) is None:
            left_out["no_post"] += 1
        else:
            samples.append(sample_of(line, verdict, REVIEWED))
    return Reviewed(samples, len(given), **left_out, overturned=len(overturned_flags(given)))


def _key(place: Place) -> tuple[str, int, int]:
    return place.topic, place.partition, place.offset
