"""The report as text: what must stand in it, and what must never."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.replay_report import CAUSES, CHALLENGER, CHAMPION, HOSTILE, difference, page
from worker.replay.report import examples_of
from worker.replay.report.words import CAUSES as TOLD
from worker.replay.report.words import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from worker.replay.causes import Cause

_ENCODER = msgspec.json.Encoder()


def test_every_cause_and_result_has_its_sentence() -> None:
    assert tuple(TOLD) == CAUSES
    text = unescape(page())
    for cause in CAUSES:
        assert TOLD[cause].meaning in text
        assert TOLD[cause].open in text
    assert KINDS["same"] in text
    assert KINDS["changed"] in text


def test_it_says_what_was_run_and_what_came_of_it() -> None:
    text = page()
    for expected in (
        "<strong>20</strong> of 400 decisions differ",
        "2026-03-01 00:00:00 UTC to before 2026-03-02 00:00:00 UTC",
        CHAMPION,
        CHALLENGER,
        "flagstaff 0.1.0",
        "ab" * 32,
        "ef" * 32,
        "12000 to 12199",
        "flagstaff verify .",
        "The manifest is not signed",
        "--partition 1 --offset 7",
        "not set",
    ):
        assert expected in text, expected
    assert "The manifest is signed" in page(signed=True)


@pytest.mark.parametrize(
    ("causes", "verdict"),
    [
        ((), "None of 400 decisions differs"),
        (("policy_changed",), "each has a cause that is named"),
        (("unknown",), "for 20 of these no cause is known"),
    ],
)
def test_the_verdict_comes_first(causes: tuple[Cause, ...], verdict: str) -> None:
    text = page(causes)
    assert verdict in text
    assert text.index(verdict) < text.index("<h2>")


def test_names_of_others_are_text_and_nothing_else() -> None:
    text = page()
    assert HOSTILE not in text
    assert escape(HOSTILE, quote=False) in text
    assert not re.search(r"<(script|link|img|iframe|object|form|base)\b", text)
    assert not re.search(r"\s(src|href|on\w+)=", re.sub(r"&lt;.*?&gt;", "", text))
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in text


def test_the_same_figures_give_the_same_page() -> None:
    assert page() == page()


def test_charts_hold_their_marks_within_bounds() -> None:
    text = page()
    boxes = re.findall(r'<svg viewBox="(\S+) (\S+) (\S+) (\S+)"(.*?)</svg>', text, re.DOTALL)
    assert len(boxes) == 4
    for left, top, width, height, marks in boxes:
        for x, y, w, h in re.findall(r'x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', marks):
            assert float(left) <= float(x)
            assert float(x) + float(w) <= float(left) + float(width)
            assert float(top) <= float(y)
            assert float(y) + float(h) <= float(top) + float(height)


def test_examples_are_the_first_three_of_each_cause(tmp_path: Path) -> None:
    lines = [difference("held", number, f"h{number}") for number in range(5)]
    lines += [difference("unknown", 9, "u")]
    lines += [
        msgspec.structs.replace(difference("held", 10, "both"), causes=("detector_changed", "signal_state"))
    ]
    path = tmp_path / "diff.jsonl"
    path.write_bytes(b"".join(_ENCODER.encode(one) + b"\n" for one in lines))
    found = examples_of(path, {"held": 5, "unknown": 1, "detector_changed": 1, "signal_state": 1})
    assert {cause: [one.post_id for one in ones] for cause, ones in found.items()} == {
        "held": ["h0", "h1", "h2"],
        "unknown": ["u"],
        "detector_changed": ["both"],
        "signal_state": ["both"],
    }
