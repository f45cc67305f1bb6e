from __future__ import annotations

from email.message import Message
from pathlib import Path

import pytest

from deploy.licences import ELSEWHERE, licence, needed_by, page
from deploy.locked import Locked, read_lock

ROOT = Path(__file__).parents[2]
_RUN_MAKE_DOCS = "run `make licences`"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("License-Expression", "MIT AND\n Apache-2.0"), ("License", "other")], "MIT AND Apache-2.0"),
        (
            [("License", "BSD-3-Clause"), ("Classifier", "License :: OSI Approved :: BSD License")],
            "BSD-3-Clause",
        ),
        (
            [
                ("License", "Copyright 2001\n\nAll of it"),
                ("Classifier", "License :: OSI Approved :: BSD License"),
            ],
            "BSD License",
        ),
        ([("Classifier", "Programming Language :: C")], "not stated"),
    ],
)
def test_a_licence_is_what_the_metadata_says(headers: list[tuple[str, str]], expected: str) -> None:
    said = Message()
    for name, value in headers:
        said[name] = value
    assert licence(said) == expected


def test_it_is_told_who_needs_a_package() -> None:
    lock = [
        Locked("web", "1", (), ("shop",)),
        Locked("anyio", "1", (), ("web",)),
        Locked("torch", "1", (), ("shop",)),
        Locked("blas", "1", (), ("torch", "web")),
    ]
    project = {
        "name": "shop",
        "dependencies": [],
        "optional-dependencies": {"page": ["web"], "models": ["torch"], "all": ["shop[page,models]"]},
    }
    assert needed_by(lock, project) == {
        "web": ["page", "all"],
        "anyio": ["page", "all"],
        "torch": ["models", "all"],
        "blas": ["page", "models", "all"],
    }


def test_the_page_is_in_step_with_the_lock() -> None:
    written = (ROOT / "docs" / "licences.md").read_text()
    rows = [line.split(" | ") for line in written.splitlines() if line.startswith("| ")][2:]
    named = [(row[0].removeprefix("| "), row[1]) for row in rows]
    locked = [(one.name, one.version) for one in read_lock((ROOT / "requirements.lock").read_text())]
    assert named == locked, _RUN_MAKE_DOCS
    # What is not installed on this platform and Python was written where it was.
    fresh = [line for line in page(ROOT).splitlines() if ELSEWHERE not in line]
    assert set(fresh) <= set(written.splitlines()), _RUN_MAKE_DOCS
