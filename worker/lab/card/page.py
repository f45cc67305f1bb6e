"""A card as one HTML file that asks nothing of any server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from worker.lab.card.document import Bullets, Table

if TYPE_CHECKING:
    from worker.lab.card.document import Block, Card


def page(card: Card) -> str:
    """The page; strings from data can't become markup."""
    environment = Environment(
        loader=PackageLoader("worker.lab.card", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {"bullets": _is_bullets, "table": _is_table}
    return environment.get_template("page.html.j2").render(card=card)


def _is_bullets(block: Block) -> bool:
    return isinstance(block, Bullets)


def _is_table(block: Block) -> bool:
    return isinstance(block, Table)
