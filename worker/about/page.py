"""The page: facts in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.lab.card.wording import percent
from worker.page import environment

if TYPE_CHECKING:
    from jinja2 import Environment

    from worker.about.facts import Facts


def body(facts: Facts) -> str:
    """What it says, as HTML without the page around it; the first heading is an `h1`."""
    return _templates().get_template("body.html.j2").render(facts=facts)


def page(facts: Facts) -> str:
    """The page as one file that a platform can publish."""
    return _templates().get_template("page.html.j2").render(facts=facts)


def _templates() -> Environment:
    templates = environment("worker.about")
    templates.filters["percent"] = percent
    return templates
