"""The console over HTTP, with a real Kafka behind it: pages, roles, and what must be refused."""

from __future__ import annotations

import re
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import UNSET
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from tests.contract.test_review_console import console_of, place, put_flags, written
from tests.support.flags import flag
from tests.support.independent_reader import committed_records
from tests.support.running import publish, worker_settings
from tests.support.waiting import wait_until
from worker.backtest.staff import Staff
from worker.errors import SettingsError
from worker.records import Decision, Source
from worker.review.access import SECRET_HEADER
from worker.review.access_check import check_access
from worker.review.console import now_ms
from worker.review.entry import SCORE
from worker.review.sessions import Links, Sessions
from worker.review.web import Web
from worker.verdicts import votes_by_flag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.topics import TopicFactory
    from worker.review.console import Console
    from worker.review.sessions import Role
    from worker.settings import Settings

BASE = "http://127.0.0.1"
SECRET = "s" * 32
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
HOUR_MS = 3_600_000


class Desk:
    """A console's application, and people at it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        review = console.settings.review
        self.links = Links()
        self.sessions = Sessions(
            console.database, longest_ms=review.session_s * 1000, idle_ms=review.session_idle_s * 1000
        )
        self.app = Web(console, self.links, self.sessions).app()

    def stranger(self, **headers: str) -> TestClient:
        return TestClient(self.app, base_url=BASE, client=("127.0.0.1", 1), headers=headers)

    def person(self, name: str, role: Role = "reviewer") -> TestClient:
        client = self.stranger()
        answer = client.get(f"/enter?key={self.links.make(name, role)}")
        assert answer.status_code == 200
        return client

    def refusals(self) -> list[tuple[str, str]]:
        return [(one["who"], one["path"]) for one in self.console.audit.latest() if one["event"] == "refused"]


@pytest.fixture
def settings(broker: str, topic: TopicFactory, tmp_path: Path) -> Settings:
    topics = {name: topic(name, servers=broker) for name in ("posts", "flags", "dead_letters")}
    return worker_settings(
        tmp_path,
        broker,
        topics,
        TOPICS__DECISIONS=topic("decisions", servers=broker),
        TOPICS__APPEALS=topic("appeals", servers=broker),
        REVIEW__DOUBLE_SHARE="0",
    )


@contextmanager
def desk_of(settings: Settings, *numbers: int) -> Iterator[Desk]:
    if numbers:
        posts = [
            f'{{"id": "p{number}", "text": "text {number}"}}'.encode() for number in range(max(numbers) + 1)
        ]
        publish(settings.kafka.bootstrap_servers, settings.topics.posts, posts)
        put_flags(settings, *numbers)
    with console_of(settings) as console:
        yield Desk(console)


def with_review(settings: Settings, **more: Any) -> Settings:
    return msgspec.structs.replace(settings, review=msgspec.structs.replace(settings.review, **more))


def field(answer: Any, name: str) -> str:
    # The form for a verdict where there is one, not that of the banner above it.
    html = answer.text.partition('class="verdict"')[2] or answer.text
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, answer.text
    return unescape(found[1])


def form(answer: Any, **more: str) -> dict[str, str]:
    """The verdict form of a page, with other fields."""
    return {
        "form_key": field(answer, "form_key"),
        "id": field(answer, "id"),
        "before": field(answer, "before"),
        "kind": "verdict",
    } | more


def test_a_reviewer_works_through_the_queue_and_takes_one_back(settings: Settings) -> None:
    with desk_of(settings, 0, 1, 2) as desk:
        ann = desk.person("ann")
        queue = ann.get("/")
        assert "3 flags" in queue.text
        first = ann.post("/next", data={"form_key": field(queue, "form_key")})
        assert "text 0" in first.text
        second = ann.post("/act", data=form(first, verdict="machine", note="seen before"))
        assert "Written: <strong>machine</strong>, post <bdi>p0</bdi>" in second.text
        assert "text 1" in second.text
        undone = ann.post("/act", data=form(second, id="flag-0", kind="undo", before="1"))
        assert "text 0" in undone.text
        again = ann.post("/act", data=form(undone, verdict="human"))
        assert "text 1" in again.text
        over = ann.post("/act", data=form(again, kind="hand-over"))
        assert "Handed over" in over.text
        empty = ann.post("/act", data=form(over, verdict="unsure"))
        assert "Nothing more waits" in empty.text
    assert written(settings) == [
        ("flag-0", "ann", "human"),
        ("flag-0", "ann", "machine"),
        ("flag-0", "ann", "unsure"),
        ("flag-1", "ann", "unsure"),
        ("flag-2", "ann", "unsure"),
    ]


def test_two_people_never_get_the_same_post(settings: Settings) -> None:
    with desk_of(settings, 0, 1) as desk:
        ann, bob = desk.person("ann"), desk.person("bob")
        key = field(bob.get("/"), "form_key")
        page = ann.post("/next", data={"form_key": field(ann.get("/"), "form_key")})
        assert "text 0" in page.text
        assert "text 1" in bob.post("/next", data={"form_key": key}).text
        theirs = bob.get("/flag?id=flag-0")
        assert "ann has it in hand" in theirs.text
        refused = bob.post("/act", data={"form_key": key, "id": "flag-0", "before": "0", "kind": "verdict"})
        assert "Somebody else has this post in hand now" in refused.text
        put_back = ann.post("/release", data={"form_key": field(page, "form_key"), "id": "flag-0"})
        assert put_back.status_code == 200
        assert "flag-0" in bob.post("/take", data={"form_key": key, "id": "flag-0"}).text
    assert written(settings) == []


def test_without_a_session_nothing_is_shown_or_done(settings: Settings) -> None:
    with desk_of(settings, 0) as desk:
        for path in ("/", "/flag?id=flag-0", "/author?id=a0", "/people", "/audit"):
            answer = desk.stranger().get(path)
            assert answer.status_code == 401
            assert "flag-0" not in answer.text
        assert desk.stranger(cookie="flagstaff=" + "x" * 43).get("/").status_code == 401
        assert desk.stranger().post("/act", data={"form_key": "", "id": "flag-0"}).status_code == 401
        assert len(desk.refusals()) == 7


def test_a_link_lets_in_once(settings: Settings) -> None:
    with desk_of(settings) as desk:
        key = desk.links.make("ann", "reviewer")
        assert desk.stranger().get(f"/enter?key={key}").status_code == 200
        assert desk.stranger().get(f"/enter?key={key}").status_code == 401
        assert desk.stranger().get("/enter?key=").status_code == 401


@pytest.mark.parametrize("how", ["too long", "idle", "left"])
def test_a_session_ends(settings: Settings, how: str) -> None:
    with desk_of(settings) as desk:
        ann = desk.person("ann")
        answer = ann.get("/")
        assert answer.status_code == 200
        if how == "left":
            key = ann.cookies["flagstaff"]
            assert ann.post("/leave", data={"form_key": field(answer, "form_key")}).status_code == 200
            # The browser forgets it, and who had copied it has nothing.
            assert "flagstaff" not in ann.cookies
            assert desk.stranger(cookie=f"flagstaff={key}").get("/flag?id=flag-0").status_code == 401
            assert desk.refusals() == [("", "/flag")]
            return
        key = ann.cookies["flagstaff"]
        now = now_ms()
        assert desk.sessions.find(key, now) is not None
        if how == "idle":
            assert (
                desk.sessions.find(key, now + HOUR_MS - 60_000) is not None
            )  # it counts as seen from now on
            assert desk.sessions.find(key, now + 2 * HOUR_MS - 120_000) is not None
            assert desk.sessions.find(key, now + 4 * HOUR_MS) is None
        else:
            for hour in range(23):
                desk.sessions.find(key, now + hour * HOUR_MS // 2)
            assert desk.sessions.find(key, now + 12 * HOUR_MS) is None


def test_a_form_from_elsewhere_is_refused(settings: Settings) -> None:
    with desk_of(settings, 0) as desk:
        ann, bob = desk.person("ann"), desk.person("bob")
        ann.get("/flag?id=flag-0")
        good = form(ann.get("/flag?id=flag-0"), verdict="machine")
        bad = [
            ({"form_key": ""}, {}),
            ({"form_key": "é" * 43}, {}),
            ({"form_key": field(bob.get("/"), "form_key")}, {}),
            ({}, {"Origin": "https://elsewhere.example"}),
            ({}, {"Origin": "null"}),
            ({}, {"Sec-Fetch-Site": "cross-site"}),
            ({}, {"Sec-Fetch-Site": "same-site"}),
        ]
        for fields, headers in bad:
            assert ann.post("/act", data=good | fields, headers=headers).status_code == 403
        assert ann.post("/act", json=good).status_code == 415
        assert ann.post("/act", data=good | {"note": "x" * 70_000}).status_code == 413
        assert ann.post("/act", data=good | {"note": "x" * 3_000}).status_code == 400
        assert ann.post("/act", data=good | {"verdict": "guilty"}).status_code == 400
        assert ann.post("/act", data=good | {"before": "-1"}).status_code == 400
        assert ann.get("/act").status_code == 405
        assert len(desk.refusals()) == len(bad) + 5
    assert written(settings) == []


def test_each_role_has_its_pages(settings: Settings) -> None:
    with desk_of(settings, 0) as desk:
        status = {
            role: [desk.person(role, role).get(path).status_code for path in ("/", "/people", "/audit")]
            for role in ("reviewer", "lead", "auditor")
        }
        assert status == {"reviewer": [200, 403, 403], "lead": [200, 200, 403], "auditor": [200, 200, 200]}
        auditor = desk.person("aud", "auditor")
        key = field(auditor.get("/flag?id=flag-0"), "form_key")
        fields = {"form_key": key, "id": "flag-0", "kind": "verdict", "verdict": "human", "before": "0"}
        for path in ("/act", "/next", "/take", "/release"):
            assert auditor.post(path, data=fields).status_code == 403
        trail = auditor.get("/audit").text
        assert "refused" in trail
        assert "saw" in trail
    assert written(settings) == []


OPEN = {"/live", "/enter", "/static"}
EVERYBODY = {"reviewer", "lead", "auditor"}
ROUTES = {
    ("GET", "/"): EVERYBODY,
    ("GET", "/flag"): EVERYBODY,
    ("GET", "/author"): EVERYBODY,
    ("GET", "/about"): EVERYBODY,
    ("GET", "/appeals"): EVERYBODY,
    ("GET", "/people"): {"lead", "auditor"},
    ("GET", "/audit"): {"auditor"},
    ("POST", "/next"): {"reviewer", "lead"},
    ("POST", "/take"): {"reviewer", "lead"},
    ("POST", "/release"): {"reviewer", "lead"},
    ("POST", "/act"): {"reviewer", "lead"},
    ("POST", "/leave"): EVERYBODY,
}


def test_every_route_is_for_its_roles_alone_and_who_is_refused_is_noted(settings: Settings) -> None:
    with desk_of(settings, 0) as desk:
        there = {route.path for route in desk.app.routes if isinstance(route, Route | Mount)}
        assert there == OPEN | {path for _, path in ROUTES}
        for (method, path), roles in ROUTES.items():
            for who in ("nobody", "reviewer", "lead", "auditor"):
                browser = desk.stranger() if who == "nobody" else desk.person(who, who)  # type: ignore[arg-type]  # a role
                key = "" if who == "nobody" else field(browser.get("/"), "form_key")
                before = len(desk.refusals())
                answer = browser.request(
                    method,
                    path,
                    params={"id": "flag-0"} if method == "GET" else None,
                    data={"form_key": key, "id": "flag-0", "before": "0", "kind": "undo"}
                    if method == "POST"
                    else None,
                )
                expected = 200 if who in roles else 401 if who == "nobody" else 403
                assert (method, path, who, answer.status_code) == (method, path, who, expected)
                noted = desk.refusals()[: len(desk.refusals()) - before]
                assert noted == ([] if expected == 200 else [("" if who == "nobody" else who, path)])
    assert written(settings) == []


def test_a_reviewer_cannot_decide_what_was_handed_over(settings: Settings) -> None:
    with desk_of(settings, 0) as desk:
        ann, bob, lea = desk.person("ann"), desk.person("bob"), desk.person("lea", "lead")
        ann.post("/act", data=form(ann.get("/flag?id=flag-0"), kind="hand-over"))
        page = bob.get("/flag?id=flag-0")
        assert "a lead decides" in page.text
        fields = {"form_key": field(page, "form_key"), "id": "flag-0", "before": "0", "kind": "verdict"}
        assert bob.post("/act", data=fields | {"verdict": "human"}).status_code == 403
        assert lea.post("/act", data=form(lea.get("/flag?id=flag-0"), verdict="human")).status_code == 200
    assert ("flag-0", "lea", "human") in written(settings)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-User": "ann"},
        {"X-Forwarded-User": "ann", SECRET_HEADER: "x" * 32},
        {"X-Forwarded-User": "ann", SECRET_HEADER: ""},
        {SECRET_HEADER: SECRET},
        {"X-Forwarded-User": " ", SECRET_HEADER: SECRET},
        {"X-Forwarded-User": "ann", "X-Forwarded-Role": "admin", SECRET_HEADER: SECRET},
    ],
)
def test_a_forged_or_missing_header_is_refused(settings: Settings, headers: dict[str, str]) -> None:
    with desk_of(with_review(settings, access="proxy", proxy_secret=SECRET)) as desk:
        assert desk.stranger(**headers).get("/").status_code == 403
        assert len(desk.refusals()) == 1


def test_the_proxy_says_who_somebody_is(settings: Settings) -> None:
    with desk_of(with_review(settings, access="proxy", proxy_secret=SECRET), 0) as desk:
        headers = {"X-Forwarded-User": "ann", "X-Forwarded-Role": "lead", SECRET_HEADER: SECRET}
        ann = desk.stranger(**headers)
        assert "ann, lead" in ann.get("/").text
        assert ann.post("/act", data=form(ann.get("/flag?id=flag-0"), verdict="human")).status_code == 200
        elsewhere = TestClient(desk.app, base_url=BASE, client=("10.0.0.9", 1), headers=headers)
        assert elsewhere.get("/").status_code == 403
        twice = [*headers.items(), ("X-Forwarded-User", "root")]
        assert desk.stranger().get("/", headers=twice).status_code == 403
        assert desk.stranger().get(f"/enter?key={desk.links.make('x', 'lead')}").status_code == 401
    assert written(settings) == [("flag-0", "ann", "human")]


def test_with_links_the_proxys_headers_mean_nothing(settings: Settings) -> None:
    with desk_of(settings) as desk:
        assert desk.stranger(**{"X-Forwarded-User": "ann", SECRET_HEADER: ""}).get("/").status_code == 401


def test_markup_in_a_post_and_in_all_that_comes_with_it_is_text(settings: Settings) -> None:
    post = {"id": SCRIPT, "text": SCRIPT, "lang": SCRIPT, "author": {"id": SCRIPT}}
    publish(settings.kafka.bootstrap_servers, settings.topics.posts, [msgspec.json.encode(post)])
    one = flag(0)
    bad = msgspec.structs.replace(
        one,
        id=SCRIPT,
        post_id=SCRIPT,
        author_id=SCRIPT,
        source=Source(settings.topics.posts, 0, 0, one.source.timestamp),
        detector=msgspec.structs.replace(one.detector, name=SCRIPT, digest=SCRIPT),
        signals=(msgspec.structs.replace(one.signals[0], name=SCRIPT),),
        reasons=(SCRIPT,),
        policy=msgspec.structs.replace(one.policy, name=SCRIPT, digest=SCRIPT),
        metadata={SCRIPT: SCRIPT},
    )
    publish(settings.kafka.bootstrap_servers, settings.topics.flags, [msgspec.json.encode(bad)])
    with desk_of(settings) as desk:
        ann, aud = desk.person(SCRIPT, "lead"), desk.person("aud", "auditor")
        page = ann.get("/flag", params={"id": SCRIPT})
        assert page.status_code == 200
        assert page.text.count("&lt;script&gt;alert(1)") > 8
        done = ann.post("/act", data=form(page, verdict="machine", note=SCRIPT))
        pages = [page, done, ann.get("/flag", params={"id": SCRIPT}), ann.get("/people"), aud.get("/audit")]
        pages += [ann.get("/author", params={"id": SCRIPT}), ann.get("/", params={"state": "decided"})]
        pages += [ann.get("/", params={"author": SCRIPT, "post": SCRIPT, "state": SCRIPT, "least": SCRIPT})]
        for answer in pages:
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text


def test_every_answer_is_locked_down_and_asks_nobody_else(settings: Settings) -> None:
    with desk_of(settings, 0) as desk:
        ann = desk.person("ann")
        for path in ("/", "/flag?id=flag-0", "/nothing", "/static/console.js", "/people", "/live"):
            answer = ann.get(path)
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert "*" not in policy
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"
            # With `no-referrer` browsers would send `Origin: null` with the console's own forms.
            assert answer.headers["referrer-policy"] == "same-origin"
            assert not re.search(r"(src|href|action)=\"(?!/[^/]|/\"|#)", answer.text)
            assert not re.search(r"\s(style|on\w+)=", answer.text)
        cookie = (
            desk.stranger()
            .get(f"/enter?key={desk.links.make('bob', 'lead')}", follow_redirects=False)
            .headers["set-cookie"]
        )
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert desk.stranger(host="elsewhere.example").get("/").status_code == 400


def test_what_is_hidden_until_a_verdict_is_nowhere_on_the_page(settings: Settings) -> None:
    with desk_of(with_review(settings, hide_until_verdict=True), 0) as desk:
        ann, lea = desk.person("ann"), desk.person("lea", "lead")
        lea.post("/act", data=form(lea.get("/flag?id=flag-0"), verdict="human", note="a colleague's note"))
        before = ann.get("/flag?id=flag-0")
        for answer in (before, ann.get("/"), ann.get("/?state=decided")):
            for hidden in ("0.90", "7 other accounts", "duplicate_text", "a colleague", ">review<"):
                assert hidden not in answer.text
        assert "flag-0" in ann.get("/?state=decided&action=limit&least=0.99").text
        assert ann.get("/author?id=a0").status_code == 403
        ann.post("/act", data=form(before, verdict="machine"))
        after = ann.get("/flag?id=flag-0").text
        assert all(shown in after for shown in ("0.90", "7 other accounts", "duplicate_text", "a colleague"))


@pytest.mark.parametrize(
    "review",
    [
        {"host": "0.0.0.0"},  # noqa: S104 - it is what must be refused
        {"host": "example.org"},
        {"access": "proxy"},
        {"access": "proxy", "proxy_secret": "short"},
    ],
)
def test_settings_that_would_let_in_others_are_refused(settings: Settings, review: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"settings: review\."):
        check_access(with_review(settings, **review).review)


def test_new_flags_come_into_the_queue_and_a_post_that_is_gone_is_said_so(settings: Settings) -> None:
    with desk_of(settings) as desk:
        ann = desk.person("ann")
        assert "Nothing matches" in ann.get("/").text
        put_flags(settings, 5)
        wait_until(lambda: "p5" in ann.get("/").text, what="the new flag")
        assert "Another post stands where" in ann.get("/flag?id=flag-5").text
        assert place(settings, 5).topic == settings.topics.posts
        assert ann.get("/flag?id=nothing").status_code == 404


def test_known_texts_look_like_any_other_and_their_decisions_are_about_nobody(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "known.jsonl"
    file.write_text('{"post_id": "p8", "label": "human"}\n')
    known = with_review(settings, known_file=str(file), known_share=1.0, least_sample=1)
    with desk_of(known, *range(9)) as desk:
        ann, bob, lea = desk.person("ann"), desk.person("bob"), desk.person("lea", "lead")
        for person, verdict in ((ann, "machine"), (bob, "human")):
            # It comes first, though others are more urgent, and again to who has not seen it.
            page = person.post("/next", data={"form_key": field(person.get("/"), "form_key")})
            assert "text 8" in page.text
            after = person.post("/act", data=form(page, verdict=verdict))
        cy = desk.person("cy")
        key = field(cy.get("/"), "form_key")
        known_one, other = (cy.post("/take", data={"form_key": key, "id": f"flag-{n}"}).text for n in (8, 7))
        differing = zip(bare(known_one, 8).splitlines(), bare(other, 7).splitlines(), strict=True)
        assert [lines for lines in differing if lines[0] != lines[1]] == []
        assert "text 1" in after.text
        bob.post("/act", data=form(after, verdict="human"))
        people = lea.get("/people").text
        assert "50 % (1 to 99)" in people
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.decisions)
    decisions = [msgspec.json.decode(record.value(), type=Decision) for record in records]
    assert [(one.post_id, one.exercise) for one in decisions] == [("p8", True), ("p8", True), ("p1", UNSET)]
    # Nobody who counts decisions counts them: not `calibrate`, not `backtest`, not a release's gates.
    assert votes_by_flag(decisions) == {"flag-1": {"human": 1, "machine": 0, "unsure": 0}}
    assert Staff(decisions).verdict(["flag-8"]) == "none"


def bare(html: str, number: int) -> str:
    """A page without what is the post's own."""
    return re.sub(rf"\b((p|flag-|text ){number}|a{number % 7})\b", "", html)


def test_of_a_share_of_flags_the_score_is_hidden_and_the_topic_says_which(settings: Settings) -> None:
    count = 24
    drawn = with_review(settings, hide_until_verdict=True, hide_share=0.5, least_sample=3)
    with desk_of(drawn, *range(count)) as desk:
        ann, lea = desk.person("ann"), desk.person("lea", "lead")
        hidden = set()
        for number in range(count):
            page = ann.get(f"/flag?id=flag-{number}")
            if "hidden until you have given a verdict" in page.text:
                hidden.add(f"flag-{number}")
            else:
                assert "duplicate_text" in page.text
            ann.post("/act", data=form(page, verdict="human" if number % 3 else "machine"))
        assert 4 < len(hidden) < count - 4
        # Whoever sees the score afterwards may say something else.
        changed = min(hidden)
        page = ann.get(f"/flag?id={changed}")
        ann.post("/act", data=form(page, verdict="unsure"))
        people = lea.get("/people").text
        assert f"Changed, of {len(hidden)} verdicts: " in people
        assert "0 of 1 to <em>machine</em>" in people
        assert f"{count - len(hidden)} verdicts with the score, {len(hidden)} without" in people
    records = committed_records(settings.kafka.bootstrap_servers, settings.topics.decisions)
    seen = [dict(record.headers() or [])[SCORE].decode() for record in records]
    keys = [record.key().decode() for record in records]
    assert {key for key, one in zip(keys, seen, strict=True) if one == "drawn-hidden"} == hidden
    assert seen.count("drawn-shown") == count - len(hidden)
    assert seen[-1] == "shown"
