"""What a person did about a flag, one record of the decisions topic each.

The value is a plain `decision.v1`. What is more stands in the record's headers: its own name, by which a
record that is written twice counts once; whether it takes an earlier one back or hands the flag over, where
the verdict is `unsure`, so that a reader that knows nothing of the headers counts no vote for it; and whether
the score was hidden from the reviewer. What whoever reads values alone must know stands in the value: which
appeals a verdict answers, since it overrules, and that a text is there to measure the staff, since it is
about nobody.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Struct

from worker.records import Decision, Verdict
from worker.review.sway import SEEN, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME: Final = "flagstaff-decision"
KIND: Final = "flagstaff-decision-kind"
SCORE: Final = "flagstaff-decision-score"

Kind = Literal["verdict", "undo", "hand-over"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Entry(Struct, frozen=True, kw_only=True):
    """One thing that was done about a flag.

    Attributes:
        name: its own; two entries with the same name are one.
        flag_id: the flag.
        post_id: the flag's post.
        reviewer: who did it.
        kind: a verdict; taking the reviewer's own latest standing verdict back; or handing the flag to a
            lead.
        verdict: of a verdict; `unsure` otherwise.
        note: what was added in words.
        at: when.
        appeals: of a verdict that answers appeals: their ids.
        exercise: whether the text is one whose author is known, put before the staff to measure them.
        seen: of a verdict: whether the score was hidden; None where that is not known.
    """

    name: str
    flag_id: str
    post_id: str
    reviewer: str
    kind: Kind
    verdict: Verdict
    note: str
    at: datetime
    appeals: tuple[str, ...] = ()
    exercise: bool = False
    seen: Seen | None = None


def name_of(flag_id: str, reviewer: str, before: int) -> str:
    """The name of a reviewer's next entry on a flag.

    It follows from how many entries the reviewer had made on the flag before: a form that is sent twice, or
    again after a failure, makes the same name.
    """
    written = f"{len(flag_id)}:{flag_id}{len(reviewer)}:{reviewer}{before}"
    return blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def mark_of(appeals: Iterable[str]) -> str:
    """A short name of a set of appeals, by which a form says which ones were shown; empty for none."""
    ids = sorted(appeals)
    return blake2b(msgspec.json.encode(ids), digest_size=16).hexdigest() if ids else ""


def to_record(entry: Entry) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """The record's key, value and headers. All of a flag's entries have its id as their key."""
    decision = Decision(
        flag_id=entry.flag_id,
        post_id=entry.post_id,
        reviewer=entry.reviewer,
        verdict=entry.verdict,
        note=entry.note or UNSET,
        decided_at=entry.at,
        appeals=entry.appeals or UNSET,
        exercise=True if entry.exercise else UNSET,
    )
    headers = [(NAME, entry.name.encode()), (KIND, entry.kind.encode())]
    if entry.seen is not None:
        headers.append((SCORE, entry.seen.encode()))
    return entry.flag_id.encode(), msgspec.json.encode(decision), headers


def from_record(record: Any) -> Entry | None:
    """The entry that a record holds; None where it holds none.

    A decision that another program wrote is a verdict whose name is its place.
    """
    try:
        decision = msgspec.json.decode(record.value or b"", type=Decision)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    return Entry(
        name=headers.get(NAME) or f"{record.topic}/{record.partition}/{record.offset}",
        flag_id=decision.flag_id,
        post_id=decision.post_id,
        reviewer=decision.reviewer,
        kind=next((kind for kind in KINDS if kind == headers.get(KIND)), "verdict"),
        verdict=decision.verdict,
        note="" if decision.note is UNSET else decision.note,
        at=decision.decided_at,
        appeals=decision.appeals or (),
        exercise=decision.exercise is not UNSET,
        seen=next((seen for seen in SEEN if seen == headers.get(SCORE)), None),
    )
