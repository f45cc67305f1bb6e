"""The packages of the extra `embedded`, found without importing them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from worker.errors import EmbeddedError


def package_folder(name: str) -> Path:
    """Where a package is installed.

    Raises:
        EmbeddedError: it is missing.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"embedded: the package {name} is missing: pip install 'flagstaff[embedded]'")
    return Path(spec.origin).parent
