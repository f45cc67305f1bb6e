"""Probabilities by length, and that older calibrations mean what they meant."""

from __future__ import annotations

import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.moderation import WordDetector, facts, post
from worker.detector.calibration import Calibration, LanguageRule
from worker.detector.checkpoint import MANIFEST
from worker.detector.loading import DEFAULT_FOLDER
from worker.signals.author_record import AuthorRecord

BY_LENGTH = Calibration(
    fitted=True,
    slope=0.2,
    intercept=-1.0,
    slope_by_length=0.3,
    intercept_by_length=0.1,
    min_tokens=10,
    max_tokens=200,
)


def test_slope_and_intercept_depend_on_the_logarithm_of_the_length() -> None:
    size = math.log(50)
    expected = (0.2 + 0.3 * size) * 2.0 - 1.0 + 0.1 * size
    assert BY_LENGTH.log_odds(2.0, 50) == pytest.approx(expected)
    assert BY_LENGTH.probability(2.0, 50) == pytest.approx(1 / (1 + math.exp(-expected)))


def test_outside_the_range_they_are_those_at_its_end() -> None:
    assert BY_LENGTH.log_odds(2.0, 1) == BY_LENGTH.log_odds(2.0, 10)
    assert BY_LENGTH.log_odds(2.0, 9_999) == BY_LENGTH.log_odds(2.0, 200)


@given(st.integers(0, 1_000), st.floats(-20, 20), st.floats(1e-3, 5))
def test_a_higher_logit_is_never_less_probable(tokens: int, logit: float, more: float) -> None:
    assert BY_LENGTH.log_odds(logit + more, tokens) > BY_LENGTH.log_odds(logit, tokens)
    assert BY_LENGTH.probability(logit + more, tokens) >= BY_LENGTH.probability(logit, tokens)


@pytest.mark.parametrize(
    "changed",
    [{"slope_by_length": -0.1}, {"slope": -3.0}, {"max_tokens": None}, {"min_tokens": 0}, {"max_tokens": 5}],
)
def test_a_slope_that_turns_or_a_range_without_ends_is_refused(changed: dict[str, float | None]) -> None:
    written = msgspec.to_builtins(BY_LENGTH) | changed
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(written, Calibration)


def test_an_older_calibration_is_the_same_bytes_and_numbers() -> None:
    written = b'{"fitted":true,"slope":0.5,"intercept":0.25,"languages":["en"],"threshold":0.75}'
    calibration = msgspec.json.decode(written, type=Calibration)
    assert msgspec.json.encode(calibration) == written
    assert [calibration.log_odds(3.0, tokens) for tokens in (0, 5, 500)] == [0.5 * 3.0 + 0.25] * 3


def test_what_is_new_is_part_of_what_a_digest_is_made_of() -> None:
    rule = LanguageRule(identifier="a", version="1", minimum=0.5)
    told = msgspec.structs.replace(BY_LENGTH, languages_by=rule)
    encoded = {msgspec.json.encode(one) for one in (Calibration(fitted=True), BY_LENGTH, told)}
    assert len(encoded) == 3
    assert all(msgspec.json.encode(msgspec.json.decode(one, type=Calibration)) == one for one in encoded)


def test_an_authors_record_keeps_log_odds_where_the_length_counts() -> None:
    one = facts(post(1, "some words"), logit=2.0, tokens=50)
    plain = WordDetector().calibration
    kept, constants = {}, {}
    for name, calibration in (("by length", BY_LENGTH), ("as it was", plain)):
        signal = AuthorRecord(3600, 10, "digest", calibration)
        (row,) = signal.rows([one])
        assert row is not None
        (kept[name],) = struct.unpack_from(">d", row.packed, 20)
        constants[name] = signal.constants[-3:-1]
    assert kept == {"by length": BY_LENGTH.log_odds(2.0, 50), "as it was": 2.0}
    assert constants == {"by length": ("1.0", "0.0"), "as it was": ("0.5", "0.25")}


def test_the_shipped_default_has_the_digest_it_had_before() -> None:
    folder = DEFAULT_FOLDER / MANIFEST
    calibration = msgspec.json.decode(folder.read_bytes())["calibration"]
    decoded = msgspec.convert(calibration, Calibration)
    assert msgspec.json.decode(msgspec.json.encode(decoded)) == calibration
