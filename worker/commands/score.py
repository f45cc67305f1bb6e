"""`flagstaff score`: what the detector says of posts, without Kafka or Redis."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import click
import msgspec
from msgspec import Struct

from worker.commands.context import settings_of
from worker.commands.lines import numbered_lines
from worker.detector.loading import load_detector
from worker.detector.reading import reading
from worker.detector.scoring import Scorer
from worker.intake import InvalidPostError, PostReader
from worker.language import LanguageTeller
from worker.records import DetectorReading, Post
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.detector.protocol import Detector
    from worker.settings import Settings, StreamSettings

# What is read before it is scored: enough to fill batches, little enough for any memory.
_BATCH_POSTS: Final = 1_000
_BATCH_BYTES: Final = 8 * 2**20
_ENCODER: Final = msgspec.json.Encoder()


class Scored(Struct, frozen=True):
    """One line of output: the post's id and the `detector` object that its flag would carry."""

    id: str
    detector: DetectorReading


class _Line(NamedTuple):
    number: int
    post: Post | InvalidPostError


@click.command("score")
@click.option(
    "--model", metavar="M", help="Another detector than the settings' one: a directory, a hub id, `default`."
)
@click.option(
    "--text", "as_text", is_flag=True, help="Lines are texts, not JSON; a post's id is its line's number."
)
@click.argument("file", type=click.File("rb"), default="-")
@click.pass_context
def score(ctx: click.Context, *, model: str | None, as_text: bool, file: IO[bytes]) -> None:
    """Print what the detector says of the posts of FILE (or of standard input), one JSON line each, in order.

    A line that is no valid post, or that the detector fails on, is named on standard error, the others are
    scored, and the exit code is 1. Empty lines are passed over.
    """
    settings = settings_of(ctx)
    if model is not None:
        settings = msgspec.structs.replace(
            settings, detector=msgspec.structs.replace(settings.detector, model=model)
        )
    detector = load_detector(settings.detector)
    scorer = Scorer(detector, settings.detector.token_budget)
    teller = LanguageTeller(detector.calibration)
    lines = _texts(file, settings.stream) if as_text else _posts(file, settings)
    out = sys.stdout.buffer
    failed = False
    for batch in _batches(lines):
        results = _score(detector, scorer, teller, [line.post for line in batch])
        for line, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                failed = True
                click.echo(f"{file.name}:{line.number}: {_why(result)}", err=True)
        out.write(_ENCODER.encode_lines([result for result in results if isinstance(result, Scored)]))
        out.flush()
    sys.exit(1 if failed else 0)


def _posts(file: IO[bytes], settings: Settings) -> Iterator[tuple[_Line, int]]:
    """The posts of JSON lines, or why a line is none, each with its size in bytes."""
    reader = PostReader(settings.fields, settings.stream.max_text_chars, settings.stream.max_post_bytes)
    for number, line in numbered_lines(file):
        if not line.strip():
            continue
        try:
            yield _Line(number, reader.read(line)), len(line)
        except InvalidPostError as error:
            yield _Line(number, error), 0


def _texts(file: IO[bytes], limits: StreamSettings) -> Iterator[tuple[_Line, int]]:
    """Lines of plain text as posts, under the same limits."""
    most = limits.max_text_chars
    for number, line in numbered_lines(file):
        if not line.strip():
            continue
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            why = InvalidPostError("not-utf8", f"the line is not UTF-8: {error.reason}")
            yield _Line(number, why), 0
            continue
        if len(text) > most:
            sentence = f"the text has {len(text)} characters, more than the {most} allowed"
            yield _Line(number, InvalidPostError("text-too-long", sentence)), 0
        else:
            yield _Line(number, Post(id=str(number), text=text)), len(line)


def _batches(lines: Iterator[tuple[_Line, int]]) -> Iterator[list[_Line]]:
    batch: list[_Line] = []
    held = 0
    for line, size in lines:
        batch.append(line)
        held += size
        if len(batch) == _BATCH_POSTS or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _score(
    detector: Detector,
    scorer: Scorer,
    teller: LanguageTeller,
    posts: Sequence[Post | InvalidPostError],
) -> list[Scored | Exception]:
    """What is printed for each post, or why nothing is."""
    valid = [post for post in posts if isinstance(post, Post)]
    texts = [canonical(post.text) for post in valid]
    encoded = detector.encode(texts)
    found = iter(zip(texts, encoded, scorer.score(encoded), strict=True))
    results: list[Scored | Exception] = []
    for post in posts:
        if isinstance(post, InvalidPostError):
            results.append(post)
            continue
        text, one, logit = next(found)
        if isinstance(logit, Exception):
            results.append(logit)
            continue
        said = reading(
            detector,
            lang=teller.language(post.lang, text).code,
            logit=logit,
            encoded_tokens=one.tokens,
            truncated=one.truncated,
        )
        results.append(Scored(post.id, said))
    return results


def _why(error: Exception) -> str:
    if isinstance(error, InvalidPostError):
        return str(error)
    return f"the detector failed: {type(error).__name__}: {' '.join(str(error).split())}"
