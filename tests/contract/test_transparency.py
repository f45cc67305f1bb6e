"""What the public report reads of a real Kafka: what counts, what does not, what is said of what is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from tests.support.command import flagstaff
from tests.support.flags import flag
from tests.support.waiting import PATIENCE_S
from worker.records import Source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Ended
    from tests.support.topics import TopicFactory
    from worker.records import Action

# 2026-03-01T12:00:00Z, and the decisions half a minute later.
NOON_MS = 1_772_366_400_000
DECIDED = ("decided-at", b"2026-03-01T12:00:30.000+00:00")
TOPICS = ("posts", "flags", "dead_letters", "decisions", "appeals")
DAY = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")


class Day:
    """Topics of a day that is reported on."""

    def __init__(self, servers: str, topic: TopicFactory, out: Path) -> None:
        self.servers = servers
        self.names = {name: topic(name, servers=servers, config={"retention.ms": "-1"}) for name in TOPICS}
        self.out = out
        self._producer = KafkaProducer(bootstrap_servers=servers)

    def put(self, name: str, value: bytes | None, at_ms: int = NOON_MS, *headers: tuple[str, bytes]) -> None:
        sent = self._producer.send(
            self.names[name], value, b"k", headers=list(headers), partition=0, timestamp_ms=at_ms
        )
        sent.get(PATIENCE_S)

    def posts(self, *offsets_ms: int) -> None:
        for number, at_ms in enumerate(offsets_ms):
            self.put("posts", b'{"id": "p%d", "text": "t"}' % number, at_ms)

    def flag(self, number: int, action: Action, *headers: tuple[str, bytes], at_ms: int = NOON_MS) -> None:
        source = Source(self.names["posts"], 0, number, at_ms)
        one = msgspec.structs.replace(flag(number, action=action), source=source)
        self.put("flags", msgspec.json.encode(one), NOON_MS + 30_000, *(headers or (DECIDED,)))

    def letter(self, place: str, stage: str = "decode") -> None:
        headers = (("flagstaff-source", place.encode()), ("flagstaff-stage", stage.encode()))
        self.put("dead_letters", b"x", NOON_MS, *headers)

    def run(self, *more: str, **settings: str) -> Ended:
        names = {f"TOPICS__{name.upper()}": topic for name, topic in self.names.items()}
        ours = {"KAFKA__BOOTSTRAP_SERVERS": self.servers, "EMIT": "all", "LOG__LEVEL": "error"}
        plain = (*DAY, "--out", str(self.out), "--minimum", "1")
        return flagstaff("transparency", *plain, *more, settings=ours | names | settings)

    def report(self, **settings: str) -> dict[str, Any]:
        ended = self.run(**settings)
        assert ended.code == 0, ended.err
        read: dict[str, Any] = json.loads((self.out / "transparency.json").read_bytes())
        return read


@pytest.fixture
def day(broker: str, topic: TopicFactory, tmp_path: Path) -> Day:
    return Day(broker, topic, tmp_path / "out")


def parts(cell: dict[str, Any]) -> dict[str, int]:
    return {part["name"]: part["count"] for part in cell["parts"] if part["count"]}


def test_each_post_of_the_period_counts_once_and_nothing_else_does(day: Day) -> None:
    before, after = NOON_MS - 86_400_000, NOON_MS + 86_400_000
    day.posts(before, NOON_MS, NOON_MS + 1, NOON_MS + 2, NOON_MS + 3)
    day.put("posts", None, NOON_MS + 4)
    day.put("posts", b'{"id": "p9", "text": "tomorrow"}', after)
    posts = day.names["posts"]
    for number, action in ((0, "limit"), (1, "review"), (6, "limit")):
        day.flag(number, action)  # type: ignore[arg-type]  # from the tuple
    # Decided again, with another detector: the latest counts. A broken record that was mended meanwhile.
    day.flag(1, "label")
    day.letter(f"{posts}/0/2")
    day.flag(2, "pass")
    day.letter(f"{posts}/0/3")
    # Of another topic, of no place, a marker of a redrive, and what is no flag at all.
    day.letter("elsewhere/0/4")
    day.letter(f"{posts}/x/y")
    day.put("dead_letters", None, NOON_MS, ("flagstaff-redriven", b"0/0"))
    day.put("flags", b"no flag")
    day.put("decisions", b"{}")
    day.put("appeals", b"[]")
    found = day.report()
    assert found["posts"]["count"] == 4
    assert parts(found["posts"]) == {"label": 1, "pass": 1, "dead-letter": 1, "unpublished": 1}
    assert [found[name]["count"] for name in ("deletions", "again", "gone")] == [1, 2, 0]
    assert found["unreadable"] == {"appeals": 1, "decisions": 1, "flags": 1}
    assert found["incomplete"] == []
    assert "Unreadable records" in (day.out / "transparency.html").read_text()


def test_decisions_on_texts_that_measure_the_staff_are_about_nobody(day: Day) -> None:
    day.posts(NOON_MS, NOON_MS)
    day.flag(0, "review")
    day.flag(1, "review")
    said = {"schema": "decision.v1", "reviewer": "ann", "verdict": "machine"}
    for number, more in enumerate(({}, {"exercise": True})):
        about = {"flag_id": flag(number).id, "post_id": f"p{number}", "decided_at": "2026-03-01T13:00:00Z"}
        day.put("decisions", json.dumps(said | about | more).encode(), NOON_MS + 3_600_000)
    found = day.report()
    assert found["verdicts"]["count"] == 1
    assert {cell["name"]: cell["count"] for cell in found["work"]}["verdict"] == 1


def test_a_flag_that_does_not_say_when_it_was_decided_tells_nothing_of_lateness(day: Day) -> None:
    day.posts(NOON_MS, NOON_MS, NOON_MS, NOON_MS)
    for number, when in enumerate((b"2026-03-01T12:30:00", b"soon", b"\xff", b"2026-03-01T12:30:00Z")):
        day.flag(number, "label", ("decided-at", when))
    found = day.report()
    assert found["unreadable"] == {"flags": 3}
    assert found["downtime"]["late"]["count"] == 1
    assert parts(found["posts"]) == {"label": 4}


def test_what_retention_has_taken_is_said(day: Day) -> None:
    day.posts(NOON_MS, NOON_MS + 1, NOON_MS + 2)
    for number in range(3):
        day.flag(number, "review")
    admin = KafkaAdminClient(bootstrap_servers=day.servers)
    admin.delete_records({TopicPartition(day.names["posts"], 0): 2})
    admin.close()
    ended = day.run()
    assert ended.code == 0
    assert "transparency: the oldest records of posts are gone; counts may be too low" in ended.said
    found = day.report()
    assert (found["incomplete"], found["posts"]["count"], found["gone"]["count"]) == (["posts"], 1, 2)
    assert "Incomplete:" in (day.out / "transparency.html").read_text()


def test_where_only_what_acts_is_published_the_page_says_so(day: Day) -> None:
    day.posts(NOON_MS, NOON_MS, NOON_MS)
    day.flag(0, "review")
    found = day.report(EMIT="flagged")
    assert parts(found["posts"]) == {"review": 1, "unpublished": 2}
    page = (day.out / "transparency.html").read_text()
    assert "this system publishes only what acts" in page
    assert "Let through</th>" not in page
    assert "only posts that were flagged tell of it" in page


def test_an_empty_period_is_no_failure(day: Day) -> None:
    found = day.report()
    assert (found["posts"]["count"], found["detectors"], found["agreement"]["alpha"]) == (0, [], None)
    assert "The staff decided on no flag." in (day.out / "transparency.html").read_text()


def test_that_nobody_is_told_how_to_appeal_is_said(day: Day) -> None:
    assert "set FLAGSTAFF_REVIEW__HOW_TO_APPEAL" in day.run().err
    assert "HOW_TO_APPEAL" not in day.run(REVIEW__HOW_TO_APPEAL="Write to us.").err
    assert "Write to us." in (day.out / "about.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        (("--to", "2026-02-01T00:00:00Z"), {}, 2, "--from must lie before --to"),
        (("--to", "2999-01-01T00:00:00Z"), {}, 2, "lies in the future"),
        (("--to", "2026-03-02"), {}, 2, "has no time zone"),
        (("--evaluation", "nowhere.json"), {}, 1, "can't read nowhere.json"),
        (("--out", "/proc/nowhere"), {}, 2, "can't write to /proc/nowhere"),
        ((), {"TOPICS__APPEALS": "no-such-topic"}, 1, "the topic 'no-such-topic' does not exist"),
        ((), {"KAFKA__BOOTSTRAP_SERVERS": ""}, 2, "no broker named"),
        (
            (),
            {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA__REQUEST_TIMEOUT_MS": "1000"},
            1,
            "transparency: Kafka at 127.0.0.1:1",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    day: Day, arguments: tuple[str, ...], settings: dict[str, str], code: int, said: str
) -> None:
    ended = day.run(*arguments, **settings)
    assert ended.code == code
    assert said in ended.said[-1]
    assert not any("Traceback" in line for line in ended.said)
