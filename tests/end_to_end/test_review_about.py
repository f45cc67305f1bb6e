"""`/about` as the staff see it: the command, a real browser, axe-core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.axe import serious_findings
from tests.support.browser import chromium, needs_chromium
from tests.support.served_console import enter, served_console

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.topics import TopicFactory


@needs_chromium
def test_the_page_is_readable_by_all_and_within_the_consoles_own_policy(
    kafka: str, topic: TopicFactory, tmp_path: Path
) -> None:
    names = ("posts", "flags", "dead_letters", "decisions", "appeals")
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "REVIEW__PORT": "0",
        "DATA_DIR": str(tmp_path),
        "LOG__LEVEL": "error",
        "REVIEW__HOW_TO_APPEAL": "Press “Appeal” beside the post within six months.",
    } | {f"TOPICS__{name.upper()}": topic(name) for name in names}
    problems: list[str] = []
    asked: set[str] = set()
    with served_console(settings, "ann") as (link,), chromium() as browser:
        page = enter(browser, link, problems, viewport={"width": 390, "height": 800})
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        page.get_by_role("link", name="About").click()
        assert page.get_by_role("heading", level=1).inner_text() == "What a flag means"
        assert "Press “Appeal” beside the post within six months." in page.inner_text("main")
        assert serious_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1200, "height": 900})
        page.emulate_media(color_scheme="dark")
        assert serious_findings(page) == []
    assert problems == []
    assert asked == {link.split("/")[2]}
