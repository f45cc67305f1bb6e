"""Every page of the console in a real browser, after a real sign-in: what axe-core finds, and its width."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from tests.contract.test_review_console import console_of, place
from tests.contract.test_review_web import with_review
from tests.support.axe import serious_findings
from tests.support.browser import chromium, needs_chromium
from tests.support.flags import flag
from tests.support.oidc_provider import CLIENT, CLIENT_SECRET, running_provider
from tests.support.running import publish, worker_settings
from tests.support.served import served
from worker.records import Appeal, Flag
from worker.review.sessions import Links, Sessions
from worker.review.web import Web
from worker.settings import OidcSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page
    from starlette.applications import Starlette

    from tests.support.oidc_provider import OidcProvider
    from tests.support.topics import TopicFactory
    from worker.settings import Settings

LONG: Final = "a-post-id-without-any-place-at-which-a-line-could-be-broken-" * 4
COUNT: Final = 60
PAGES: Final = {
    "queue": "/",
    "post": "/flag?id=flag-1",
    "decided post": "/flag?id=flag-0",
    "appealed post": "/flag?id=flag-3",
    "author": "/author?id=a1",
    "nobody": "/author?id=nobody",
    "people": "/people",
    "appeals": "/appeals",
    "refused": "/flag?id=nothing",
}


@pytest.fixture
def settings(kafka: str, topic: TopicFactory, tmp_path: Path) -> Settings:
    topics = {name: topic(name) for name in ("posts", "flags", "dead_letters")}
    more = {"TOPICS__DECISIONS": topic("decisions"), "TOPICS__APPEALS": topic("appeals")}
    settings = worker_settings(tmp_path, kafka, topics, REVIEW__DOUBLE_SHARE="0", **more)
    posts = [
        {"id": f"p{number}", "text": f"Line {number}.\n{LONG}", "lang": "en"} for number in range(COUNT - 1)
    ]
    publish(kafka, topics["posts"], map(msgspec.json.encode, [*posts, {"id": LONG, "text": "short"}]))
    publish(kafka, topics["flags"], map(msgspec.json.encode, flags(settings)))
    appeal = Appeal(
        id="e1",
        flag_id="flag-3",
        post_id="p3",
        statement=f"I wrote it. {LONG}",
        appealed_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    publish(kafka, more["TOPICS__APPEALS"], [msgspec.json.encode(appeal)])
    return settings


def flags(settings: Settings) -> Iterator[Flag]:
    for number in range(COUNT):
        one = flag(
            number,
            action=("label", "review", "limit")[number % 3],
            score=0.5 + number % 50 / 100,
            source=place(settings, number),
            metadata={"client": LONG, "depth": {"of": [1, 2, 3]}},
        )
        yield msgspec.structs.replace(one, post_id=LONG) if number == COUNT - 1 else one


@contextmanager
def console_and_provider(settings: Settings) -> Iterator[tuple[str, OidcProvider]]:
    with running_provider() as provider:
        oidc = OidcSettings(issuer=provider.issuer, client_id=CLIENT, client_secret=CLIENT_SECRET)
        with console_of(with_review(settings, access="oidc", oidc=oidc)) as console:

            def app(address: str) -> Starlette:
                console.settings = with_review(console.settings, public_url=address)
                hour = 3_600_000
                sessions = Sessions(console.database, longest_ms=hour, idle_ms=hour)
                return Web(console, Links(), sessions).app()

            with served(app) as address:
                yield address, provider


def sign_in(page: Page, address: str, provider: OidcProvider, role: str) -> None:
    provider.person = {"email": f"{role}@example.org", "groups": [f"flagstaff-{role}"]}
    page.goto(address)
    page.click("text=Sign in >> nth=-1")
    page.wait_for_url(f"{address}/")
    assert f"{role}@example.org, {role}" in page.inner_text("header")


def look(page: Page, name: str, found: list[str]) -> None:
    """Notes serious findings, and whether a page must be scrolled sideways."""
    found += [f"{name}: {finding}" for finding in serious_findings(page)]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append(f"{name}: wider than the window")


@needs_chromium
def test_every_page_is_readable_by_everybody(settings: Settings) -> None:
    found: list[str] = []
    with console_and_provider(settings) as (address, provider), chromium() as browser:
        for scheme, width in (("light", 1280), ("dark", 390)):
            page = opened(browser, scheme, width)
            page.goto(address)
            assert page.title().startswith("Sign in")
            look(page, f"sign-in, {scheme}", found)
            sign_in(page, address, provider, "lead")
            if scheme == "light":
                page.goto(f"{address}/flag?id=flag-0")
                page.click("text=Machine >> nth=0")
                page.wait_for_selector(".banner")
                look(page, "next post, light", found)
            for name, path in PAGES.items():
                page.goto(address + path)
                look(page, f"{name}, {scheme}", found)
            page.goto(address)
            page.click("text=Sign out")
            page.wait_for_selector("text=The session is over")
            look(page, f"signed out, {scheme}", found)
            sign_in(page, address, provider, "auditor")
            page.goto(f"{address}/audit")
            look(page, f"audit trail, {scheme}", found)
            page.context.close()
    assert found == []


def opened(browser: Browser, scheme: Any, width: int) -> Page:
    return browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
