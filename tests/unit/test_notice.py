"""The notice to an author, as the command writes it from a flag."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from tests.support.flags import flag
from worker.action_rate.hold import hold
from worker.commands import flagstaff
from worker.errors import SettingsError
from worker.notice import Notice, notice
from worker.records import Flag, SignalReading

if TYPE_CHECKING:
    from pathlib import Path

    from worker.notice import Evidence
    from worker.records import Action

HOW = "Write to appeals@example.org within 30 days."


def explained(one: Flag, *options: str, how: str = HOW) -> Any:
    done = CliRunner(env={"FLAGSTAFF_REVIEW__HOW_TO_APPEAL": how}).invoke(
        flagstaff, ["explain", *options, "-"], input=msgspec.json.encode(one)
    )
    assert done.exit_code == 0, done.output
    return done


def text(one: Flag) -> str:
    """On one line, so that it does not matter where lines end."""
    return " ".join(explained(one).stdout.split())


def evidence(one: Flag, name: str) -> Evidence:
    (found,) = [part for part in notice(one, HOW).evidence if part.name == name]
    return found


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("pass", "Your post was not flagged. Nothing is to be done about it."),
        ("abstain", "No judgement was made about your post"),
        ("label", "The program proposes that your post be labelled"),
        ("review", "The program asks the platform's staff to look at your post"),
        ("limit", "The program proposes that your post be shown to fewer people"),
    ],
)
def test_each_action_has_its_words(action: Action, words: str) -> None:
    said = text(flag(1, action=action))
    assert words in said
    assert "This is what a program proposes." in said
    assert f"{HOW} - Name this flag: flag-1" in said


def test_a_held_flag_is_explained_as_what_it_is() -> None:
    assert text(hold(flag(1, action="limit"))) == text(flag(1, action="label"))


def test_each_kind_of_evidence_is_told_with_where_it_points_and_how_much() -> None:
    said = text(flag(1))
    assert (
        "gives 0.88, where 0 is most like a person's and 1 most like a machine's: nearer to a machine's."
        in said
    )
    assert (
        "7 other accounts posted the same text within the time that is looked at. It counted clearly" in said
    )
    assert "How old your account is. It could not be looked up, so it was not counted." in said


@pytest.mark.parametrize(
    ("contribution", "towards", "strength"),
    [
        (0.2, "machine", "slightly"),
        (0.5, "machine", "clearly"),
        (1.5, "machine", "strongly"),
        (-0.2, "person", "slightly"),
        (-2.0, "person", "strongly"),
        (0.0, "neither", None),
    ],
)
def test_how_much_a_signal_counted(contribution: float, towards: str, strength: str | None) -> None:
    one = flag(1, signals=(SignalReading("link_share", 0.4, contribution),))
    found = evidence(one, "link_share")
    assert (found.towards, found.strength, found.log_odds) == (towards, strength, contribution)
    assert found.seen == "Links make up 40 % of the text."


def test_the_detectors_part_is_what_the_score_holds_beyond_the_signals() -> None:
    # ln(0.9 / 0.1) = 2.197
    assert evidence(flag(1, score=0.9), "detector").log_odds == pytest.approx(2.197 - 0.9, abs=1e-3)
    assert evidence(flag(1, score=1.0), "detector").log_odds < 25


def test_what_it_cannot_tell_depends_on_the_flag() -> None:
    plain = flag(1)
    measured = "up to 1.0 % got more than 0.81"

    def reading(**more: Any) -> str:
        return text(msgspec.structs.replace(plain, detector=msgspec.structs.replace(plain.detector, **more)))

    assert measured in text(plain)
    assert "was not measured" in reading(threshold=None)
    assert "it saw only the beginning" in reading(truncated=True)
    unused = reading(calibrated=False)
    assert "has not been tested on texts of this length or language" in unused
    assert "The detector could not be used" in unused
    assert "0.88" not in unused
    assert measured not in unused


def test_a_signal_of_another_version_is_told_by_its_name() -> None:
    one = flag(1, signals=(SignalReading("moon_phase", 0.25, 0.1),))
    assert "The signal moon_phase. It was read as 0.25. It counted slightly towards a machine." in text(one)


def test_nothing_of_a_flag_reaches_the_terminal_but_text() -> None:
    said = explained(flag(1, id="\x1b[2Jf", post_id="p\n\nHow to appeal\n\x9b1m")).stdout
    assert not any(one in said for one in ("\x1b", "\x9b"))
    assert said.count("\nHow to appeal\n") == 1


def test_the_way_to_appeal_may_have_lines_and_addresses_stay_whole() -> None:
    address = "https://example.org/appeals-and-other-things-that-authors-may-want-to-tell-us?lang=en-GB"
    said = explained(flag(1), how=f"Write to us.\nHere: {address}").stdout
    assert "\N{REPLACEMENT CHARACTER}" not in said
    assert "- Write to us. Here:" in said
    assert address in said


def test_the_authors_record_is_told_without_its_figure() -> None:
    one = flag(1, signals=(SignalReading("author_record", 0.7, 1.4),))
    assert evidence(one, "author_record").seen == (
        "What the detector said of this author's earlier posts within the time that is looked at leans "
        "towards a machine."
    )


def test_as_json_it_holds_the_same() -> None:
    found = json.loads(explained(flag(1), "--json").stdout)
    assert msgspec.convert(found, Notice) == notice(flag(1), HOW)
    assert found["how_to_appeal"] == HOW
    assert [one["name"] for one in found["evidence"]] == ["detector", "duplicate_text", "account_age"]


def test_without_a_way_to_appeal_both_author_and_operator_are_told() -> None:
    done = explained(flag(1), how=" ")
    assert "The platform has not said how to appeal" in done.stdout
    assert "FLAGSTAFF_REVIEW__HOW_TO_APPEAL" in done.stderr
    assert json.loads(explained(flag(1), "--json", how="").stdout)["how_to_appeal"] is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b'{"schema":"flag.v1"}', b'{"schema":"decision.v1"}', b"1e999"],
)
def test_what_is_no_flag_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "flag.json"
    file.write_bytes(content)
    done = CliRunner().invoke(flagstaff, ["explain", str(file)])
    assert isinstance(done.exception, SettingsError)
    assert done.exception.exit_code == 2
    assert str(done.exception).startswith(f"explain: {file}: this is not one flag: ")
    assert "\n" not in str(done.exception)


def test_a_file_of_several_flags_is_not_one(tmp_path: Path) -> None:
    file = tmp_path / "flags.jsonl"
    file.write_bytes(b"\n".join(msgspec.json.encode(flag(number)) for number in (1, 2)))
    done = CliRunner().invoke(flagstaff, ["explain", str(file)])
    assert isinstance(done.exception, SettingsError)


@pytest.mark.parametrize("given", ["nothing.json", "\x00", "x" * 5000])
def test_what_is_neither_file_nor_findable_is_one_line(given: str) -> None:
    done = CliRunner().invoke(flagstaff, ["explain", given])
    assert isinstance(done.exception, SettingsError)
