"""Whether one JSON Schema refuses what another allows: what breaks a reader when a schema changes.

It knows the keywords that msgspec writes and fails on any other, so that a new one can't slip past it.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_SAYS_NOTHING: Final = frozenset({"$schema", "$id", "$defs", "title", "description", "default"})
_KNOWN: Final = _SAYS_NOTHING | {
    "$ref", "anyOf", "type", "enum", "format", "pattern", "required", "properties", "additionalProperties",
    "items", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
}  # fmt: skip
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength")


def broken_writers(*, old: Schema, new: Schema) -> list[str]:
    """What producers of the old schema may send and the new one refuses: for posts and policies."""
    return refusals(by=new, of=old)


def broken_readers(*, old: Schema, new: Schema) -> list[str]:
    """What breaks readers of flags and decisions, which are kept in topics and read by old and new programs.

    Old readers get new records, new readers get old ones, and nobody must miss a field that was promised.
    """
    return [
        *(f"old readers: {problem}" for problem in refusals(by=old, of=new)),
        *(f"new readers of old records: {problem}" for problem in refusals(by=new, of=old)),
        *(f"removed: {path}" for path in sorted(_paths(old, old, "") - _paths(new, new, ""))),
    ]


def refusals(*, by: Schema, of: Schema) -> list[str]:
    """Where `by` refuses a value that `of` allows; empty: it never does.

    Fields that `by` does not name are no matter to it unless it forbids them.
    """
    return _Comparison(by, of).at(by, of, "")


class _Comparison:
    def __init__(self, by: Schema, of: Schema) -> None:
        self._by, self._of = by, of

    def at(self, by: Schema, of: Schema, path: str) -> list[str]:
        by, of = _resolved(by, self._by), _resolved(of, self._of)
        options = of.get("anyOf", [of])
        return [problem for option in options for problem in self._option(by, option, path)]

    def _option(self, by: Schema, of: Schema, path: str) -> list[str]:
        """An alternative of `of` must fit one of `by`: the one with the fewest objections counts."""
        attempts = [self._plain(choice, of, path) for choice in by.get("anyOf", [by])]
        return min(attempts, key=len)

    def _plain(self, by: Schema, of: Schema, path: str) -> list[str]:
        by, of = _resolved(by, self._by), _resolved(of, self._of)
        here = path or "the record"
        problems = [f"{here}: {problem}" for problem in _values(by, of)]
        if problems:
            return problems
        problems = [
            f"{path}.{name}: is required"
            for name in by.get("required", [])
            if name not in of.get("required", [])
        ]
        mine, theirs = by.get("properties", {}), of.get("properties", {})
        for name in theirs:
            if name in mine:
                problems += self.at(mine[name], theirs[name], f"{path}.{name}")
            elif by.get("additionalProperties") is False:
                problems.append(f"{path}.{name}: is not allowed")
        if by.get("additionalProperties") is False and of.get("additionalProperties") is not False:
            problems.append(f"{here}: unknown fields are not allowed")
        for inner in ("items", "additionalProperties"):
            if isinstance(by.get(inner), dict):
                theirs_inner = of[inner] if isinstance(of.get(inner), dict) else {}
                problems += self.at(by[inner], theirs_inner, f"{path}[]")
        return problems


def _values(by: Schema, of: Schema) -> list[str]:
    """Objections to single values, whatever is below them."""
    if "enum" in by:
        if "enum" not in of:
            return ["is an enumeration"]
        strange = sorted(set(of["enum"]) - set(by["enum"]), key=str)
        return [f"the value {value!r} is unknown" for value in strange]
    problems = []
    if "type" in by:
        kind = of.get("type", "string" if "enum" in of else "anything")
        if not (kind == by["type"] or (kind, by["type"]) == ("integer", "number")):
            return [f"must be {by['type']}, not {kind}"]
    problems += [
        f"{key} is {by[key]!r}" for key in ("format", "pattern") if key in by and by[key] != of.get(key)
    ]
    for keys, is_wider in ((_LOWER, float.__le__), (_UPPER, float.__ge__)):
        problems += [
            f"{key} is {by[key]}"
            for key in keys
            if key in by and not (key in of and is_wider(float(by[key]), float(of[key])))
        ]
    return problems


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    unknown = schema.keys() - _KNOWN
    assert not unknown, f"this comparison knows nothing of {sorted(unknown)}"
    return schema


def _paths(schema: Schema, root: Schema, path: str) -> set[str]:
    """Every field, as a path."""
    schema = _resolved(schema, root)
    found: set[str] = set()
    for option in schema.get("anyOf", []):
        found |= _paths(option, root, path)
    for name, field in schema.get("properties", {}).items():
        found |= {f"{path}.{name}"} | _paths(field, root, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        found |= _paths(schema["items"], root, f"{path}[]")
    return found
