"""What a month comes to, counted from the topics with another client and none of the report's own code."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.independent_reader import committed_records

if TYPE_CHECKING:
    from confluent_kafka import Message

    from worker.settings import Settings

Place = tuple[int, int]


class Counted(NamedTuple):
    """The counts.

    Attributes:
        posts: records with a value.
        deletions: records without.
        outcomes: actions of flags, stages of dead letters, and `unpublished`.
        work: verdicts, undos, hand overs.
        verdicts: by what the flag proposes (`earlier`: no flag of the month) and what most people said.
        agreed: flags of several people on which all said the same, and on which they did not.
        units: what was said of each of those.
        appeals: those of the month, by outcome.
        earlier: older ones that were answered in it.
        late: flags of posts that were overdue, each as (overdue from, until) in minutes since 1970.
        detectors: flags by detector, threshold and bound.
    """

    posts: int
    deletions: int
    outcomes: Counter[str]
    work: Counter[str]
    verdicts: Counter[tuple[str, str]]
    agreed: tuple[int, int]
    units: list[list[str]]
    appeals: Counter[str]
    earlier: Counter[str]
    late: list[tuple[int, int]]
    detectors: Counter[tuple[str, float, float]]


def counted(servers: str, settings: Settings, start: datetime, end: datetime, late_ms: int) -> Counted:
    """Counts from a time on and before another."""
    topics = settings.topics
    span = (start.timestamp() * 1000, end.timestamp() * 1000)
    posts = committed_records(servers, topics.posts)
    month = {_place(one): one for one in posts if span[0] <= one.timestamp()[1] < span[1]}
    there = {place for place, one in month.items() if one.value() is not None}
    outcomes: dict[Place, str] = {}
    for letter in committed_records(servers, topics.dead_letters):
        _, partition, offset = _headers(letter)["flagstaff-source"].split("/")
        if (int(partition), int(offset)) in there:
            outcomes[int(partition), int(offset)] = _headers(letter)["flagstaff-stage"]
    actions: dict[str, str] = {}
    late: list[tuple[int, int]] = []
    detectors: Counter[tuple[str, float, float]] = Counter()
    for record in committed_records(servers, topics.flags):
        flag = json.loads(record.value())
        place = (flag["source"]["partition"], flag["source"]["offset"])
        if place not in there:
            continue
        outcomes[place] = actions[flag["id"]] = flag["action"]
        said = flag["detector"]
        detectors[said["name"], said["threshold"], said["false_positive_bound"]] += 1
        due = month[place].timestamp()[1] + late_ms
        decided = datetime.fromisoformat(_headers(record)["decided-at"]).timestamp() * 1000
        if decided > due:
            late.append((int(due // 60_000), int(-(-decided // 60_000))))
    tally = Counter(outcomes.values())
    tally["unpublished"] = len(there) - len(outcomes)
    decisions = [
        (_headers(one), json.loads(one.value())) for one in committed_records(servers, topics.decisions)
    ]
    work, verdicts, units = _staff(decisions, actions, start, end)
    received, earlier = _appeals(committed_records(servers, topics.appeals), decisions, start, end)
    same = sum(len(set(unit)) == 1 for unit in units)
    return Counted(
        posts=len(there),
        deletions=len(month) - len(there),
        outcomes=tally,
        work=work,
        verdicts=verdicts,
        agreed=(same, len(units) - same),
        units=units,
        appeals=received,
        earlier=earlier,
        late=late,
        detectors=detectors,
    )


def _staff(
    decisions: list[tuple[dict[str, str], Any]], actions: dict[str, str], start: datetime, end: datetime
) -> tuple[Counter[str], Counter[tuple[str, str]], list[list[str]]]:
    work: Counter[str] = Counter()
    voices: defaultdict[str, defaultdict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    undo_hands_back: set[tuple[str, str]] = set()
    touched: set[str] = set()
    for headers, value in sorted(decisions, key=lambda one: _time(one[1]["decided_at"])):
        at, kind = _time(value["decided_at"]), headers["flagstaff-decision-kind"]
        if at >= end:
            continue
        work[kind] += at >= start
        who, flag = value["reviewer"], value["flag_id"]
        if kind == "verdict":
            voices[flag][who].append(value)
            if at >= start:
                touched.add(flag)
        elif kind == "hand-over":
            undo_hands_back.add((flag, who))
        elif voices[flag][who] and (flag, who) not in undo_hands_back:
            voices[flag][who].pop()
    verdicts: Counter[tuple[str, str]] = Counter()
    units: list[list[str]] = []
    for flag in touched:
        last = [said[-1] for said in voices[flag].values() if said]
        answers = [value for value in last if "appeals" in value]
        if not last:
            continue
        said = [value["verdict"] for value in answers[-1:] or last]
        if len(last) > 1 and not answers:
            units.append(said)
        machine, human = said.count("machine"), said.count("human")
        result = "machine" if machine > human else "human" if human > machine else "unsure"
        verdicts[actions.get(flag, "earlier"), result] += 1
    return work, verdicts, units


def _appeals(
    records: list[Message], decisions: list[tuple[dict[str, str], Any]], start: datetime, end: datetime
) -> tuple[Counter[str], Counter[str]]:
    answered = {
        appeal: (_time(value["decided_at"]), "upheld" if value["verdict"] == "machine" else "overturned")
        for _, value in decisions
        for appeal in value.get("appeals", [])
        if _time(value["decided_at"]) < end
    }
    came = {
        value["id"]: _time(value["appealed_at"]) for value in (json.loads(one.value()) for one in records)
    }
    received = Counter(answered.get(id_, (end, "open"))[1] for id_, at in came.items() if start <= at < end)
    earlier = Counter(
        answered[id_][1]
        for id_, at in came.items()
        if at < start and id_ in answered and answered[id_][0] >= start
    )
    return received, earlier


def _place(record: Message) -> Place:
    return record.partition(), record.offset()


def _headers(record: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers() or []}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
