"""What a check found."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        status: `ok`; `warn`: it works, but you should know; `fail`: a worker would not work.
        what: what was looked at.
        detail: what was found and, where that is bad, how to mend it.
    """

    status: Literal["ok", "warn", "fail"]
    what: str
    detail: str
