"""The console as its users run it: the command, a real Kafka, and a real browser where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.contract.test_review_console import place
from tests.support.browser import chromium, needs_chromium
from tests.support.flags import flag
from tests.support.independent_reader import committed_records
from tests.support.running import publish, worker_settings
from tests.support.served_console import ON_A_POST, enter, served_console
from worker.records import Decision

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory


@needs_chromium
def test_two_people_decide_by_keyboard_and_each_decision_is_on_the_topic_once(
    kafka: str, topic: TopicFactory, tmp_path: Path
) -> None:
    topics = {name: topic(name) for name in ("posts", "flags", "dead_letters")}
    decisions = topic("decisions")
    settings = worker_settings(tmp_path, kafka, topics)
    posts = [{"id": f"p{number}", "text": f"text {number} <script>alert(1)</script>"} for number in range(9)]
    publish(kafka, topics["posts"], map(msgspec.json.encode, posts))
    flags = [msgspec.structs.replace(flag(number), source=place(settings, number)) for number in range(9)]
    publish(kafka, topics["flags"], map(msgspec.json.encode, flags))
    variables = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "TOPICS__POSTS": topics["posts"],
        "TOPICS__FLAGS": topics["flags"],
        "TOPICS__DECISIONS": decisions,
        "TOPICS__APPEALS": topic("appeals"),
        "REVIEW__PORT": "0",
        "REVIEW__DOUBLE_SHARE": "0",
        "DATA_DIR": str(tmp_path),
        "LOG__LEVEL": "error",
    }
    problems: list[str] = []
    with served_console(variables, "ann", "bob:lead") as (ann_link, bob_link), chromium() as browser:
        ann, bob = enter(browser, ann_link, problems), enter(browser, bob_link, problems)
        for page in (ann, bob):
            page.keyboard.press("n")
            page.wait_for_url(ON_A_POST)
        assert ann.url != bob.url
        first = ann.url
        ann.focus("textarea")
        ann.keyboard.type("human, or machine?")
        assert ann.url == first
        ann.evaluate("document.activeElement.blur()")
        ann.keyboard.press("m")
        ann.wait_for_selector(".banner")
        ann.wait_for_load_state()
        assert ann.url.partition("&")[0] not in {first, bob.url}
        ann.keyboard.press("z")
        ann.wait_for_url(first)  # loaded too: the keys work once the page's script has run
        ann.keyboard.press("h")
        ann.wait_for_selector(".banner")
        ann.wait_for_load_state()
        bob.keyboard.press("u")
        bob.wait_for_selector(".banner")
        bob.wait_for_load_state()
    assert problems == []
    records = [msgspec.json.decode(one.value(), type=Decision) for one in committed_records(kafka, decisions)]
    assert [(one.flag_id, one.verdict) for one in records if one.reviewer == "ann"] == [
        ("flag-0", "machine"),
        ("flag-0", "unsure"),
        ("flag-0", "human"),
    ]
    assert records[0].note == "human, or machine?"
    assert [(one.flag_id, one.verdict) for one in records if one.reviewer == "bob"] == [("flag-1", "unsure")]
