"""From a record's bytes to a Post, or why not.

Values are JSON in UTF-8, as RFC 8259 has it: no byte order mark, no NaN, no lone surrogates; of a key
that occurs twice the last one counts; U+0000 written as an escape is a character like any other. Times are
those of RFC 3339 with a time zone: one without would be a guess, so it is refused. What the reader returns
can always be written as JSON again, and its times can be turned into UTC.

With a mapping (`fields.*` in the settings), `created_at` and `author.created_at` may also be numbers since
1970, as many existing topics have them: seconds below 100,000,000,000 (the year 5138), else milliseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import jmespath
import msgspec

from worker.errors import SettingsError
from worker.records import Post

if TYPE_CHECKING:
    from worker.settings import FieldSettings

# Deeper metadata could be read here and then fail to be written, further down the stack, as part of a flag.
MAX_METADATA_DEPTH: Final = 100
_FIRST_MILLISECONDS: Final = 100_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT: Final = object()


class InvalidPostError(Exception):
    """A record that is no post. Its text is one sentence about the record that never quotes the post.

    Attributes:
        reason: a short stable label: `empty`, `too-large`, `not-utf8`, `not-json`, `too-deep`,
            `missing-field`, `wrong-type`, `text-too-long` or `bad-mapping`.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class PostReader:
    """Reads posts, through the mapping of the settings where there is one.

    Args:
        fields: where the fields of a post are, as JMESPath expressions.
        max_text_chars: most characters (code points) of a text.
        max_bytes: most bytes of a record's value.

    Raises:
        SettingsError: an expression is not valid JMESPath; the message names the setting.
    """

    def __init__(self, fields: FieldSettings, max_text_chars: int, max_bytes: int) -> None:
        self._max_text_chars = max_text_chars
        self._max_bytes = max_bytes
        self._post = msgspec.json.Decoder(Post)
        self._anything = msgspec.json.Decoder()
        self._searches = {
            name: _compiled(name, expression)
            for name in fields.__struct_fields__
            if (expression := getattr(fields, name)) is not None
        }

    def read(self, value: bytes) -> Post:
        """The post that a record's value holds.

        Raises:
            InvalidPostError: the value holds none.
        """
        if len(value) > self._max_bytes:
            raise InvalidPostError(
                "too-large", f"the record has {len(value)} bytes, more than the {self._max_bytes} allowed"
            )
        try:
            if not value.isascii():
                value.decode()
            if self._searches:
                value = self._mapped(self._anything.decode(value))
            post = self._post.decode(value)
        except UnicodeDecodeError as error:
            raise InvalidPostError("not-utf8", f"the record is not UTF-8: {error.reason}") from None
        except msgspec.ValidationError as error:
            raise _from_validation(str(error)) from None
        except msgspec.DecodeError as error:
            raise _from_syntax(value, str(error)) from None
        except RecursionError:
            raise InvalidPostError("too-deep", "the record's JSON is nested too deeply") from None
        self._check(post, value)
        return post

    def _mapped(self, document: Any) -> bytes:
        """The same post in the shape that `Post` has: as JSON, so that both shapes are read by one rule."""
        given = document if isinstance(document, dict) else {}
        found: dict[str, Any] = {}
        for name in Post.__struct_fields__:
            search = self._searches.get(name)
            if search is None:
                value = given.get(name, _ABSENT)
            else:
                try:
                    value = search.search(document)
                except Exception as error:  # noqa: BLE001 - a JMESPath function may raise anything on a stranger's data
                    raise InvalidPostError(
                        "bad-mapping", f"fields.{name} can't be searched for: {type(error).__name__}"
                    ) from None
                value = _ABSENT if value is None else value
            if value is not _ABSENT:
                found[name] = value
        if "created_at" in found:
            found["created_at"] = _time(found["created_at"])
        if isinstance(author := found.get("author"), dict) and "created_at" in author:
            found["author"] = author | {"created_at": _time(author["created_at"])}
        try:
            return msgspec.json.encode(found)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidPostError(
                "bad-mapping", f"the mapped fields are not JSON: {type(error).__name__}"
            ) from None

    def _check(self, post: Post, value: bytes) -> None:
        if len(post.text) > self._max_text_chars:
            raise InvalidPostError(
                "text-too-long",
                f"the text has {len(post.text)} characters, more than the {self._max_text_chars} allowed",
            )
        # Counting brackets costs nothing beside walking the metadata, and settles nearly every post.
        brackets = value.count(b"[") + value.count(b"{")
        if brackets > MAX_METADATA_DEPTH and post.metadata and _depth(post.metadata) > MAX_METADATA_DEPTH:
            raise InvalidPostError(
                "too-deep", f"`metadata` is nested deeper than {MAX_METADATA_DEPTH} levels"
            )
        _check_year("created_at", post.created_at)
        if post.author is not None:
            _check_year("author.created_at", post.author.created_at)


def _compiled(name: str, expression: str) -> Any:
    try:
        return jmespath.compile(expression)
    except Exception as error:  # noqa: BLE001 - the lexer and parser also raise bare ValueError, IndexError and others
        why = " ".join(str(error).split())
        raise SettingsError(
            f"fields.{name} (FLAGSTAFF_FIELDS__{name.upper()}): "
            f"{expression!r} is not a JMESPath expression: {why}"
        ) from None


def _time(value: Any) -> Any:
    """A number since 1970 as RFC 3339; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    seconds = value if abs(value) < _FIRST_MILLISECONDS else value / 1000
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except (OverflowError, ValueError):
        return value


def _check_year(field: str, moment: datetime | None) -> None:
    # At the ends of the calendar a conversion to UTC would overflow.
    if moment is not None and not 1 < moment.year < 9999:  # noqa: PLR2004 - the ends of Python's calendar
        raise InvalidPostError("wrong-type", f"field `{field}`: the year {moment.year} is out of range")


def _depth(value: Any) -> int:
    """Levels of nesting, counted without recursion and no further than one beyond the limit."""
    level, depth = [value], 0
    while level and depth <= MAX_METADATA_DEPTH:
        depth += 1
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
    return depth


def _from_validation(message: str) -> InvalidPostError:
    what, _, where = message.partition(" - at `$.")
    what = what[0].lower() + what[1:]
    reason = "missing-field" if "missing required field" in what else "wrong-type"
    place = f"field `{where.rstrip('`')}`: " if where else "the record: "
    return InvalidPostError(reason, place + what)


def _from_syntax(value: bytes, message: str) -> InvalidPostError:
    if not value.strip():
        return InvalidPostError("empty", "the record's value is empty")
    if value.startswith(b"\xef\xbb\xbf"):
        return InvalidPostError(
            "not-json", "the record begins with a byte order mark, which JSON does not allow"
        )
    return InvalidPostError(
        "not-json", f"the record is not JSON: {message.removeprefix('JSON is malformed: ')}"
    )
