"""Posts for tests: from the shared tweets where they are at hand, else made up; and broken records."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_TWEETS = Path(__file__).parents[3] / "shared" / "data" / "tweets.valid.jsonl.gz"

_WORDS = [
    "the",
    "bus",
    "was",
    "late",
    "again",
    "and",
    "nobody",
    "on",
    "it",
    "seemed",
    "to",
    "mind",
    "very",
    "much",
    "about",
    "that",
    "except",
    "for",
    "me",
]
_BROKEN: tuple[bytes, ...] = (
    b"{not json",
    b'\xff\xfe"neither UTF-8"',
    b'{"text": "it has no id"}',
    b'{"id": 7, "text": "its id is a number"}',
    b'{"id": "x", "text": null}',
    b'[{"id": "x", "text": "a list"}]',
    b"",
    b'"a string"',
)


def texts() -> Iterator[tuple[str, str, str | None]]:
    """(text, author, label) without end; labels are None where the texts are made up."""
    if SHARED_TWEETS.exists():
        with gzip.open(SHARED_TWEETS, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        for row in itertools.cycle(rows):
            yield row["text"], row["author"], row["label"]
    for number in itertools.count():
        start = number % len(_WORDS)
        yield f"{number} " + " ".join(_WORDS[start:] + _WORDS[:start]), f"a{number % 97}", None


def posts(count: int) -> Iterator[dict[str, Any]]:
    """So many posts, one a second of event time, each with an id of its own."""
    for number, (text, author, _) in enumerate(itertools.islice(texts(), count)):
        day, second = divmod(number, 86_400)
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        yield {
            "id": f"p{number}",
            "text": text,
            "lang": "en",
            "created_at": f"2026-03-{1 + day:02}T{clock}Z",
            "author": {"id": author, "created_at": "2024-01-01T00:00:00Z", "followers": 120, "following": 80},
        }


def broken(count: int) -> Iterator[bytes]:
    """So many records that are no posts, no two alike but for the empty ones."""
    for number, record in enumerate(itertools.islice(itertools.cycle(_BROKEN), count)):
        yield record + f" {number}".encode() if record else record
