from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

_POSTS = """\
{"id": "long", "text": "the bus was late again and nobody on it seemed to mind it much", "lang": "en"}
{"id": "short", "text": "same"}
{"id": "broken", "text":
"""


def _demo(*arguments: str, posts: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker.commands", "demo", *arguments],
        input=posts,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | {"COLUMNS": "200"},
        check=False,
    )


def test_a_users_own_posts_are_decided_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text(_POSTS)
    done = _demo("--posts", str(file))
    assert done.returncode == 0, done.stderr
    assert "2 posts decided: 1 pass, 1 abstain; 1 dead letter." in done.stdout
    assert "calibrated from" in " ".join(done.stdout.split())


def test_posts_that_are_not_there_are_one_line() -> None:
    done = _demo("--posts", "/no/such/file")
    assert done.returncode == 2
    assert done.stderr.strip() == "flagstaff: demo: can't read /no/such/file: No such file or directory"


def test_no_posts_are_one_line() -> None:
    done = _demo("--posts", "-", posts="\n")
    assert done.returncode == 2
    assert "holds no posts" in done.stderr
