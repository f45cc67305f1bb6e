"""The check that guards the schemas catches each kind of break, and lets growth pass."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, defstruct, json

from tests.support.compatibility import broken_readers, broken_writers


class Part(Struct):
    name: str
    size: int | None = None


class Old(Struct, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=10)]
    kind: Literal["a", "b"]
    count: Annotated[int, Meta(ge=0, le=9)]
    parts: tuple[Part, ...]
    note: str | None = None
    main: Part | None = None


class Same(Old):
    pass


class ExtraOptional(Old, kw_only=True):
    extra: str | None = None


class ExtraRequired(Struct, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=10)]
    kind: Literal["a", "b"]
    count: Annotated[int, Meta(ge=0, le=9)]
    parts: tuple[Part, ...]
    note: str | None = None
    main: Part | None = None
    extra: str


class Removed(Struct, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=10)]
    kind: Literal["a", "b"]
    count: Annotated[int, Meta(ge=0, le=9)]
    parts: tuple[Part, ...]
    note: str | None = None


class NowOptional(Struct, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=10)]
    kind: Literal["a", "b"] = "a"
    count: Annotated[int, Meta(ge=0, le=9)]
    parts: tuple[Part, ...]
    note: str | None = None
    main: Part | None = None


class Closed(Old, forbid_unknown_fields=True):
    pass


def with_field(name: str, kind: Any, *default: Any) -> type[Struct]:
    """`Old` with one field of another type."""
    return defstruct("New", [(name, kind, *default)], bases=(Old,), kw_only=True)


class OtherPart(Struct):
    name: str
    size: str | None = None


class PartWithMore(Struct):
    name: str
    colour: str
    size: int | None = None


def schema(kind: Any) -> dict[str, Any]:
    return json.schema(kind)


def writers(new: Any, old: Any = Old) -> list[str]:
    return broken_writers(old=schema(old), new=schema(new))


def readers(new: Any, old: Any = Old) -> list[str]:
    return broken_readers(old=schema(old), new=schema(new))


@pytest.mark.parametrize("new", [Same, ExtraOptional])
def test_the_same_and_an_optional_field_more_break_nobody(new: Any) -> None:
    assert writers(new) == []
    assert readers(new) == []


@pytest.mark.parametrize(
    ("new", "for_writers", "for_readers"),
    [
        # A reader may accept more than before; what is written may not become more than readers know.
        (with_field("kind", Literal["a", "b", "c"]), None, "'c' is unknown"),
        (with_field("kind", Literal["a"]), "'b' is unknown", "'b' is unknown"),
        (with_field("kind", str), None, "is an enumeration"),
        (with_field("count", str), ".count: must be string", ".count: must be integer"),
        (with_field("count", Annotated[float, Meta(ge=0, le=9)]), None, "must be integer, not number"),
        (with_field("count", Annotated[int, Meta(ge=1, le=9)]), "minimum is 1", "minimum is 1"),
        (with_field("count", Annotated[int, Meta(ge=0, le=10)]), None, "maximum is 9"),
        (with_field("count", int), None, "minimum is 0"),
        (with_field("id", Annotated[str, Meta(min_length=1, max_length=5)]), "maxLength is 5", "maxLength"),
        (with_field("id", str | None), None, "must be string, not null"),
        (with_field("note", str, ""), "must be string, not null", "must be string, not null"),
        (with_field("parts", tuple[OtherPart, ...]), ".parts[].size", ".parts[].size"),
        (with_field("parts", tuple[PartWithMore, ...]), ".parts[].colour: is required", "is required"),
        (with_field("main", OtherPart | None, None), ".main.size", ".main.size"),
        (with_field("parts", Part), "must be object, not array", "must be array, not object"),
        (ExtraRequired, ".extra: is required", "new readers of old records: .extra: is required"),
        (Removed, None, "removed: .main"),
        (NowOptional, None, "old readers: .kind: is required"),
        (Closed, "unknown fields are not allowed", "unknown fields are not allowed"),
    ],
)
def test_each_kind_of_break_is_caught(new: Any, for_writers: str | None, for_readers: str) -> None:
    found = writers(new)
    assert any(for_writers in problem for problem in found) if for_writers else found == [], found
    found = readers(new)
    assert any(for_readers in problem for problem in found), found


def test_a_closed_schema_may_gain_optional_fields_for_its_writers() -> None:
    more = defstruct("More", [("extra", str, "")], bases=(Closed,), kw_only=True, forbid_unknown_fields=True)
    assert writers(more, old=Closed) == []
    assert any(".extra: is not allowed" in problem for problem in writers(Closed, old=more))


def test_a_keyword_that_the_check_does_not_know_is_no_silent_pass() -> None:
    with pytest.raises(AssertionError, match="multipleOf"):
        writers(with_field("count", Annotated[int, Meta(multiple_of=5)]))
