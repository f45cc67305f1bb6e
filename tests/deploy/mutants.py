"""A rule, broken in each of many small ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPPOSITE = {">": "<=", "<": ">=", "==": "!=", "and": "or", "or": "and", "unless": "and"}
_OPERATOR = re.compile(r"[<>]=?|[=!]=|\b(?:and|or|unless)\b")
# A number that something is compared with, or that a series is multiplied or divided by; no window, no label.
_NUMBER = re.compile(r"(?<=[<>=*/+-] )\d+(?:\.\d+)?\b|\b\d+(?:\.\d+)?(?= \*)")
_METRIC = re.compile(r"\b(?:flagstaff|process)[_:][\w:]+")
_MATCHER = re.compile(r'\{\w+=~?"[^"]*"\}')


def mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was done, and the broken rule."""
    expression = rule["expr"]
    for found in _OPERATOR.finditer(expression):
        yield _changed(rule, found, _OPPOSITE[found.group()])
    for found in _NUMBER.finditer(expression):
        number = float(found.group())
        # Twice and half of it; nothing and a little less than nothing for zero.
        for other in (2 * number, number / 2) if number else (1e9, -1e-9):
            yield _changed(rule, found, f"{other:g}")
    for found in _METRIC.finditer(expression):
        yield _changed(rule, found, found.group() + "_gone")
    for found in _MATCHER.finditer(expression):
        yield _changed(rule, found, "")
    if "for" not in rule:
        return
    lasting = int(rule["for"].removesuffix("m"))
    for other in {0, 2 * lasting, 30} - {lasting} if lasting == 0 else {0, 2 * lasting}:
        yield f"for: {other}m", rule | {"for": f"{other}m"}


def _changed(rule: dict[str, Any], found: re.Match[str], new: str) -> tuple[str, dict[str, Any]]:
    expression = rule["expr"]
    broken = expression[: found.start()] + new + expression[found.end() :]
    return f"{found.group()!r} at {found.start()} is {new!r}", rule | {"expr": broken}
