"""Counts on a command line."""

from __future__ import annotations


def count(text: str) -> int:
    """A number from 1 up; argparse says of anything else that it is an invalid count.

    Raises:
        ValueError: it is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
