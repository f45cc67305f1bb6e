"""An appeal, answered by keyboard in a real browser, on a desk's screen and on a phone's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.contract.test_review_console import place
from tests.support.appeals import appeal
from tests.support.axe import serious_findings
from tests.support.browser import chromium, needs_chromium
from tests.support.flags import flag
from tests.support.independent_reader import committed_records
from tests.support.running import publish, worker_settings
from tests.support.served_console import ON_A_POST, enter, served_console
from worker.records import Decision
from worker.verdicts import appeal_outcomes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.topics import TopicFactory

STATEMENT = (
    "I wrote this on the bus home, on my phone, and my sister was there. "
    "<script>alert(1)</script>\n\nPlease look again: nothing of it is a machine's."
)
# Where pictures of the pages go, for somebody to look at.
PICTURES = os.environ.get("FLAGSTAFF_TEST_PICTURES")


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def _flagged(kafka: str, topics: dict[str, str], folder: Path) -> dict[str, str]:
    """Two flags and a record that is no appeal; the settings of a console over them."""
    settings = worker_settings(folder, kafka, topics)
    posts = [{"id": f"p{number}", "text": f"text {number}: nobody minded the bus"} for number in range(2)]
    publish(kafka, topics["posts"], map(msgspec.json.encode, posts))
    flags = [msgspec.structs.replace(flag(number), source=place(settings, number)) for number in range(2)]
    publish(kafka, topics["flags"], map(msgspec.json.encode, flags))
    publish(kafka, topics["appeals"], [b"{"])
    return {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        **{f"TOPICS__{name.upper()}": own for name, own in topics.items()},
        "REVIEW__PORT": "0",
        "REVIEW__DOUBLE_SHARE": "0",
        "DATA_DIR": str(folder),
        "LOG__LEVEL": "error",
    }


@needs_chromium
def test_an_appeal_is_answered_by_keyboard_by_somebody_else(
    kafka: str, topic: TopicFactory, tmp_path: Path
) -> None:
    topics = {name: topic(name) for name in ("posts", "flags", "dead_letters", "decisions", "appeals")}
    variables = _flagged(kafka, topics, tmp_path)
    problems: list[str] = []
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    with served_console(variables, "ann", "bob") as (ann_link, bob_link), chromium() as browser:
        ann, bob = enter(browser, ann_link, problems), enter(browser, bob_link, problems, **phone)
        ann.keyboard.press("n")
        ann.wait_for_url(ON_A_POST)  # loaded too
        ann.keyboard.press("m")
        ann.wait_for_selector(".banner")
        publish(kafka, topics["appeals"], [appeal(0, statement=STATEMENT)])
        ann.get_by_role("link", name="Appeals").click()
        while ann.get_by_role("cell", name="you", exact=True).count() == 0:
            ann.wait_for_timeout(100)
            ann.reload()
        assert serious_findings(ann) == []
        _picture(ann, "appeals")
        ann.get_by_role("link", name="p0").click()
        ann.get_by_text("somebody else answers the appeal").wait_for()
        assert ann.locator("form.verdict").count() == 0
        _picture(ann, "appealed-flag-of-mine")

        bob.goto(bob.url.partition("?")[0] + "appeals")
        _picture(bob, "appeals-phone")
        bob.keyboard.press("n")
        bob.wait_for_url(ON_A_POST)
        bob.get_by_text("Does the flag stand?").wait_for()
        assert bob.get_by_text("my sister was there").inner_text() == STATEMENT
        for page in (ann, bob):
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide == 0, page.url
        assert serious_findings(bob) == []
        _picture(bob, "appeal-phone")
        bob.set_viewport_size({"width": 1280, "height": 900})
        _picture(bob, "appeal-dark")
        bob.keyboard.press("h")
        bob.get_by_text("the appeal is answered, the flag overturned").wait_for()
        bob.wait_for_load_state()  # the keys work once the page's script has run
        _picture(bob, "answered")
        bob.keyboard.press("z")
        bob.get_by_text("Does the flag stand?").wait_for()
        bob.wait_for_load_state()
        bob.keyboard.press("m")
        bob.get_by_text("the appeal is answered, the flag upheld").wait_for()
    assert problems == []
    records = committed_records(kafka, topics["decisions"])
    found = [msgspec.json.decode(record.value(), type=Decision) for record in records]
    assert [(one.reviewer, one.verdict, one.appeals or ()) for one in found] == [
        ("ann", "machine", ()),
        ("bob", "human", ("e1",)),
        ("bob", "unsure", ()),
        ("bob", "machine", ("e1",)),
    ]
    assert appeal_outcomes(found) == {("flag-0", "e1"): "upheld"}
