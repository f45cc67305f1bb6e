"""`flagstaff explain`: the notice to an author, in plain words."""

from __future__ import annotations

import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from kafka.errors import KafkaError

from worker.commands.context import settings_of
from worker.errors import BrokerError, FlagstaffError, SettingsError
from worker.notice import notice
from worker.records import Flag
from worker.stream.extent import ExtentReader
from worker.stream.refusal import in_words

if TYPE_CHECKING:
    from worker.notice import Evidence, Notice
    from worker.settings import Settings

_WIDTH: Final = 88
_NO_WAY: Final = "The platform has not said how to appeal. Answer to whoever sent you this notice."


@click.command("explain")
@click.argument("flag", metavar="FLAG")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@click.pass_context
def explain(ctx: click.Context, *, flag: str, as_json: bool) -> None:
    """Write the notice to an author, in plain words, from a flag alone.

    FLAG is a file with one flag, `-` for standard input, or the id of a flag, which is then looked for on the
    flags topic. How to appeal is the setting FLAGSTAFF_REVIEW__HOW_TO_APPEAL.
    """
    settings = settings_of(ctx)
    written = notice(_flag(settings, flag), settings.review.how_to_appeal.strip())
    if written.how_to_appeal is None:
        click.echo(
            "explain: the notice says nothing of appeals: set FLAGSTAFF_REVIEW__HOW_TO_APPEAL", err=True
        )
    click.echo(msgspec.json.encode(written).decode() if as_json else _text(written))


def _flag(settings: Settings, given: str) -> Flag:
    if given == "-":
        return _decoded(sys.stdin.buffer.read(), "standard input")
    try:
        return _decoded(Path(given).read_bytes(), given)
    except FileNotFoundError:
        if settings.kafka.bootstrap_servers:
            return _found(settings, given)
        raise SettingsError(
            f"explain: {given}: there is no such file, and no brokers are named to look for such a flag "
            "(FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS)"
        ) from None
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"explain: {given!r} can't be read: {getattr(error, 'strerror', error)}"
        ) from None


def _decoded(content: bytes, where: str) -> Flag:
    try:
        return msgspec.json.decode(content, type=Flag)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"explain: {where}: this is not one flag: {error}") from None


def _found(settings: Settings, flag_id: str) -> Flag:
    """The flag of an id, looked for from the topic's beginning to the end that it has now."""
    topic = settings.topics.flags
    wanted, decoder = flag_id.encode("utf-8", "replace"), msgspec.json.Decoder(Flag)
    try:
        with closing(ExtentReader(settings.kafka, topic)) as reader:
            (extent,) = reader.extents([0])
            for records, _ in reader.records(extent):
                for record in records:
                    # Most records are passed over without being decoded.
                    if wanted in (record.value or b""):
                        try:
                            flag = decoder.decode(record.value)
                        except (msgspec.DecodeError, UnicodeDecodeError):
                            continue
                        if flag.id == flag_id:
                            return flag
    except KafkaError as error:
        raise BrokerError(f"explain: the topic {topic!r} can't be read: {in_words(error)}") from error
    raise FlagstaffError(
        f"explain: {flag_id}: there is no such file, and no flag of this id on the topic {topic!r}"
    )


def _text(written: Notice) -> str:
    parts = [
        _printable(f"About your post {written.post_id}"),
        _section("What was decided", written.decided),
        _section("What the evidence was", [_evidence(one) for one in written.evidence]),
        _section("What this can't tell", written.limits),
        _section(
            "How to appeal",
            [written.how_to_appeal or _NO_WAY, f"Name this flag: {written.flag_id}"],
        ),
    ]
    return "\n\n".join(parts)


def _evidence(one: Evidence) -> str:
    counted = {"not known": "", "neither": " It changed nothing."}.get(one.towards)
    if counted is None:
        counted = f" It counted {one.strength} towards a {one.towards}."
    return f"{one.subject}. {one.seen}{counted}"


def _section(title: str, sentences: tuple[str, ...] | list[str]) -> str:
    wrapped = [
        textwrap.fill(
            _printable(one),
            _WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            # Addresses and ids stay whole.
            break_long_words=False,
            break_on_hyphens=False,
        )
        for one in sentences
    ]
    return "\n".join([title, *wrapped])


def _printable(text: str) -> str:
    """On one line, without control characters: a post's id is whatever its platform made it."""
    return "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(text.split())
    )
