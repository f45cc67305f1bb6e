"""What axe-core finds on a page: https://github.com/dequelabs/axe-core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SERIOUS = frozenset({"serious", "critical"})


def serious_findings(page: Page) -> list[str]:
    """Serious and critical findings on the page as it stands now, one line for each place.

    The rules are all that axe-core has on by default. It is run over the browser's own protocol, so the
    page's content security policy stays as it is.
    """
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, place['target']))}: {rule['help']}"
        for rule in found
        if rule["impact"] in _SERIOUS
        for place in rule["nodes"]
    ]
