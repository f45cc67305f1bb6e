"""The part of requirements.lock that some extras need, hashes and all.

The lock holds every extra's packages, and an image needs few of them. This begins with the project's own
dependencies and the chosen extras and follows the lock's `# via` lines. It reads two files, asks no index and
resolves nothing again, so the same input gives the same bytes. Where a package asks another for an extra,
the lock does not say which packages that extra brought, so they come along for whoever needs the other.

    python3 deploy/locked.py --extra console --extra transformers > pinned.txt
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_START: Final = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==(?P<version>\S+)")
_NAME: Final = re.compile(r"^[A-Za-z0-9][\w.-]*")
_VIA: Final = re.compile(r"^ +#(?: via)? +(?P<name>[A-Za-z0-9][\w.-]*)")
# What torch asks for on Linux and a wheel without CUDA does not.
_CUDA: Final = ("cuda-", "nvidia-", "triton")


class Locked(NamedTuple):
    """One package of the lock: its version, its lines without comments, and who needs it."""

    name: str
    version: str
    lines: tuple[str, ...]
    via: tuple[str, ...]


def read_lock(text: str) -> list[Locked]:
    """The packages of a lock file as `uv pip compile` writes it, in its order."""
    packages: list[Locked] = []
    for line in text.splitlines():
        if start := _START.match(line):
            packages.append(Locked(canonical(start["name"]), start["version"], (line,), ()))
        elif packages and line.startswith("    --hash"):
            packages[-1] = packages[-1]._replace(lines=(*packages[-1].lines, line))
        elif packages and (via := _VIA.match(line)):
            packages[-1] = packages[-1]._replace(via=(*packages[-1].via, canonical(via["name"])))
    return packages


def wanted(project: Mapping[str, object], extras: Iterable[str]) -> set[str]:
    """Names of the packages that a project's dependencies and extras name themselves.

    Args:
        project: the table `project` of pyproject.toml.
        extras: names of extras.

    Raises:
        ValueError: there is no such extra.
    """
    optional = project.get("optional-dependencies", {})
    assert isinstance(optional, dict)  # noqa: S101 - narrows the type
    names: set[str] = set()
    for extra in extras:
        if extra not in optional:
            raise ValueError(f"no extra {extra!r}; there are {', '.join(sorted(optional))}")
    own = canonical(str(project["name"]))
    todo = [*_strings(project["dependencies"])]
    todo += [requirement for extra in extras for requirement in _strings(optional[extra])]
    while todo:
        requirement = todo.pop()
        name = canonical(_NAME.match(requirement).group())  # type: ignore[union-attr]  # every requirement has a name
        if name == own:
            inner = requirement.partition("[")[2].partition("]")[0].split(",")
            todo += [one for extra in inner for one in _strings(optional[extra.strip()])]
        else:
            names.add(name)
    return names


def needed(packages: Sequence[Locked], names: Iterable[str], *, without_cuda: bool = False) -> list[Locked]:
    """The packages with these names and all that they need, in the lock's order.

    Raises:
        ValueError: the lock does not hold one of the names.
    """
    children: dict[str, set[str]] = {}
    for package in packages:
        for parent in package.via:
            children.setdefault(parent, set()).add(package.name)
    found: set[str] = set()
    todo = list(names)
    if missing := set(todo) - {package.name for package in packages}:
        raise ValueError(f"requirements.lock lacks {', '.join(sorted(missing))}; run `make lock`")
    while todo:
        name = todo.pop()
        if name in found or (without_cuda and name.startswith(_CUDA)):
            continue
        found.add(name)
        todo += children.get(name, ())
    return [package for package in packages if package.name in found]


def canonical(name: str) -> str:
    """A package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(packages: Iterable[Locked], torch_wheel: str) -> str:
    """Lines for an installer; torch comes from the address given, which carries its hash."""
    lines: list[str] = []
    for package in packages:
        if torch_wheel and package.name == "torch":
            lines.append(f"torch @ {torch_wheel}")
        else:
            # The last line of a package ends the continuation that its comments followed.
            lines += [*package.lines[:-1], package.lines[-1].removesuffix(" \\")]
    return "".join(f"{line}\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Prints the pinned requirements; returns what is wrong, in one line, or None."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--extra", action="append", default=[], help="an extra; commas between several")
    parser.add_argument("--torch-wheel", default="", help="address of a torch without CUDA, with #sha256=…")
    parser.add_argument(
        "--root", type=Path, default=Path(), help="folder with pyproject.toml and requirements.lock"
    )
    given = parser.parse_args(arguments)
    if given.torch_wheel and not re.search(r"#sha256=[0-9a-f]{64}$", given.torch_wheel):
        return "--torch-wheel: end the address with #sha256= and the wheel's 64 hexadecimal digits"
    extras = [extra for group in given.extra for extra in group.split(",") if extra]
    try:
        project = tomllib.loads((given.root / "pyproject.toml").read_text())["project"]
        packages = read_lock((given.root / "requirements.lock").read_text())
        chosen = needed(packages, wanted(project, extras), without_cuda=bool(given.torch_wheel))
    except (OSError, ValueError) as error:
        return f"locked: {error}"
    sys.stdout.write(pinned(chosen, given.torch_wheel))
    return None


def _strings(value: object) -> list[str]:
    assert isinstance(value, list)  # noqa: S101 - narrows the type
    return [str(one) for one in value]


if __name__ == "__main__":
    sys.exit(main())
