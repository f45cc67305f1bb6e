"""`/about` in the console: the same page as the public's, for whoever is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.contract.test_review_web import desk_of, settings, with_review
from worker.about.facts import evaluation_of, facts_of
from worker.about.page import body
from worker.review.sessions import ROLES
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from worker.settings import Settings

__all__ = ["settings"]


def test_everybody_who_is_signed_in_reads_what_the_public_reads(settings: Settings) -> None:
    ours = msgspec.structs.replace(
        with_review(settings, how_to_appeal="Press <b>Appeal</b>."), detector=DetectorSettings()
    )
    with desk_of(ours) as desk:
        assert desk.stranger().get("/about").status_code == 401
        for role in ROLES:
            answer = desk.person("ann", role).get("/about")
            assert answer.status_code == 200
            assert body(facts_of(ours, evaluation_of(ours))) in answer.text
            assert "Press &lt;b&gt;Appeal&lt;/b&gt;." in answer.text
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert 'href="/about"' in answer.text
