"""What `values.yaml` says: each value with its default, and the comment above it as its meaning."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import yaml

from worker.errors import FlagstaffError

_KEY: Final = re.compile(r"( *)([A-Za-z]\w*):(?: |$)")


class Value(NamedTuple):
    """One value of the chart.

    Attributes:
        path: its keys from the outermost on.
        default: what the chart has.
        meaning: in words.
        is_group: whether there are documented values inside it.
    """

    path: tuple[str, ...]
    default: Any
    meaning: str
    is_group: bool = False


def documented(text: str) -> list[Value]:
    """The values in the order of the file. A key without a comment may only hold ones that have.

    Raises:
        FlagstaffError: a value has no comment.
    """
    tree = yaml.safe_load(text)
    values: list[Value] = []
    above: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
        elif not stripped:
            # What stands alone is about the file.
            comment = []
        elif found := _KEY.match(line):
            depth = len(found[1])
            above = [*(one for one in above if one[0] < depth), (depth, found[2])]
            if comment:
                path = tuple(key for _, key in above)
                values.append(Value(path, _at(tree, path), " ".join(comment)))
            comment = []
    paths = {value.path for value in values}
    _check(tree, (), paths)
    return [value._replace(is_group=bool(_inside(paths, value.path))) for value in values]


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _inside(known: set[tuple[str, ...]], path: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [one for one in known if one[: len(path)] == path and len(one) > len(path)]


def _check(tree: Any, path: tuple[str, ...], known: set[tuple[str, ...]]) -> None:
    inside = _inside(known, path)
    if path in known and not inside:
        return
    if not isinstance(tree, dict) or not inside:
        raise FlagstaffError(f"values.yaml: {'.'.join(path)} has no comment above it")
    for key, value in tree.items():
        _check(value, (*path, key), known)
