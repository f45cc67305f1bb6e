"""Where settings come from: a YAML file, the environment, and files that hold one value each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import yaml
from msgspec import Struct

from worker.errors import SettingsError

_FILE_SUFFIX: Final = "_file"


def settings_tree(
    kind: type[Struct], prefix: str, config: Path | None, environ: dict[str, str]
) -> dict[str, Any]:
    """What was set, as nested keys and values that are not yet checked against `kind`.

    Args:
        kind: the struct of all settings.
        prefix: how the environment variables begin.
        config: a YAML file, or None for the environment alone.
        environ: the environment, which wins.

    Raises:
        SettingsError: a file can't be read, or a value stands where a group should.
    """
    tree = _read_yaml(config) if config is not None else {}
    for name in sorted(environ):
        if name.startswith(prefix):
            path = name.removeprefix(prefix).lower().split("__")
            if not _is_for_tests(path):
                _put(tree, path, environ[name], name)
    return _split_lists(_resolve_files(tree, kind, ""), kind)


def in_user_terms(message: str, kind: Any, prefix: str) -> str:
    """`… - at `$.kafka.group_id`` becomes `kafka.group_id (FLAGSTAFF_KAFKA__GROUP_ID): …`."""
    what, _, where = message.partition(" - at `$.")
    if not where and "unknown field `" in what:
        key = what.split("`")[1]
        return f"unknown key {key!r} ({prefix}{key.upper()})"
    # A list is one setting, whichever of its items is wrong.
    key = where.rstrip("`").partition("[")[0]
    if "unknown field `" in what:
        key = f"{key}.{what.split('`')[1]}"
        return f"unknown key {key!r} ({prefix}{key.upper().replace('.', '__')})"
    if "enum value" in what:
        for level in key.split("."):
            kind = _children(kind)[level]
        if get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        what += f", not one of {', '.join(get_args(kind))}"
    return f"{key} ({prefix}{key.upper().replace('.', '__')}): {what}"


def _is_for_tests(path: list[str]) -> bool:
    return path[0].startswith("test_")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings: can't read {path}: {error}") from None
    except yaml.YAMLError as error:
        # The error's own text quotes the line, which may hold a secret.
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise SettingsError(
            f"settings: {path}{where} is not valid YAML: {problem or 'bad character'}"
        ) from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise SettingsError(f"settings: {path} must hold keys and values, not a {type(loaded).__name__}")
    return _with_text_keys(loaded)


def _with_text_keys(tree: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(key): _with_text_keys(value) if isinstance(value, dict) else value for key, value in tree.items()
    }


def _put(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for level in path[:-1]:
        child = tree.setdefault(level, {})
        if child is None:
            child = tree[level] = {}
        if not isinstance(child, dict):
            raise SettingsError(f"settings: {name} goes below {level!r}, which is a value, not a group")
        tree = child
    tree[path[-1]] = value


def _children(kind: Any) -> dict[str, Any]:
    is_group = isinstance(kind, type) and issubclass(kind, Struct)
    return get_type_hints(kind) if is_group else {}


def _resolve_files(tree: dict[str, Any], kind: Any, path: str) -> dict[str, Any]:
    """Replaces `name_file` by `name` with what the file holds, unless `name_file` is a setting itself."""
    known = _children(kind)
    resolved: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            resolved[key] = _resolve_files(value, known.get(key), f"{path}{key}.")
        elif value is None and _children(known.get(key)):
            # `kafka:` with nothing below it.
            resolved[key] = {}
        elif key.endswith(_FILE_SUFFIX) and key not in known and _takes_file(key, known):
            name = key.removesuffix(_FILE_SUFFIX)
            if name in tree:
                raise SettingsError(f"settings: {path}{name} and {path}{key} are both set; keep one of them")
            try:
                resolved[name] = Path(str(value)).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"settings: {path}{key}: can't read {value}: {error}") from None
        else:
            resolved[key] = value
    return resolved


def _takes_file(key: str, known: dict[str, Any]) -> bool:
    # Below `kafka.client` the names are the client library's own, so any of them may come from a file.
    return not known or key.removesuffix(_FILE_SUFFIX) in known


def _split_lists(tree: dict[str, Any], kind: Any) -> dict[str, Any]:
    known = _children(kind)
    return {
        key: _split_lists(value, known[key])
        if isinstance(value, dict) and _children(known.get(key))
        else [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str) and get_origin(known.get(key)) is tuple
        else value
        for key, value in tree.items()
    }
