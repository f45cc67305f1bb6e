"""Pages for people: one file each, in one style, that runs no script and asks nothing of any server."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined


def environment(package: str) -> Environment:
    """Where the templates of a package are found, and this package's as `page/…`.

    Args:
        package: the package's dotted name.
    """
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, "."), PrefixLoader({"page": PackageLoader("worker.page", ".")})]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
