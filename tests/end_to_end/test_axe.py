"""The accessibility checks can fail."""

from __future__ import annotations

from tests.support.axe import serious_findings
from tests.support.browser import chromium, needs_chromium

_GOOD = "<!doctype html><html lang='en'><title>A page</title><main><h1>Good</h1><p>Text</p></main></html>"
_BAD = "<!doctype html><html><title>A page</title><main><h1>Bad</h1><img src='data:,'><input></main></html>"


@needs_chromium
def test_what_a_screen_reader_cannot_read_is_found_and_a_plain_page_passes() -> None:
    with chromium() as browser:
        page = browser.new_page()
        page.set_content(_GOOD)
        assert serious_findings(page) == []
        page.set_content(_BAD)
        found = serious_findings(page)
    assert {line.split()[0] for line in found} == {"html-has-lang", "image-alt", "label"}
