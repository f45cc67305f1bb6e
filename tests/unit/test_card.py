"""`flagstaff card` from its arguments to its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.commands import main

if TYPE_CHECKING:
    from pathlib import Path


def card(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["card", *arguments])
    return ended.value.code


def test_the_shipped_detector_has_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert card("--model", "default") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("# Model card: ")
    assert shown.err == ""
    out = tmp_path / "card.md"
    assert card("--model", "default", "--out", str(out)) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"the card is in {out}\n")
    assert out.read_text() == shown.out


def test_a_name_in_html_makes_a_page(tmp_path: Path) -> None:
    out = tmp_path / "card.html"
    assert card("--model", "default", "--out", str(out)) == 0
    assert out.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "name a detector"),
        (["--model", "nowhere"], 2, "no detector.json"),
        (["--evaluation", "nowhere.json"], 1, "can't read nowhere.json"),
        (["--generator", "nowhere.json"], 1, "can't read nowhere.json"),
        (["--generator", "a.json", "--model", "default"], 2, "leave out --model"),
        (["--model", "default", "--prose", "nowhere.yaml"], 2, "can't read nowhere.yaml"),
        (["--model", "default", "--out", "nowhere/card.md"], 2, "can't write to nowhere/card.md"),
    ],
)
def test_what_can_not_be_used_is_said_in_a_line(
    arguments: list[str], code: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert card(*arguments) == code
    shown = capsys.readouterr()
    assert why in shown.err
    assert shown.out == ""
