from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import SettingsError
from worker.settings import Settings, load_settings, settings_table

if TYPE_CHECKING:
    from pathlib import Path


def environ(**variables: str) -> dict[str, str]:
    return {f"FLAGSTAFF_{name}": value for name, value in variables.items()}


def refused(config: Path | None = None, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ(**variables))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def test_nothing_set_is_all_defaults() -> None:
    assert load_settings(None, {"PATH": "/bin", "FLAGSTAFFED": "x"}) == Settings()


def test_the_environment_wins_over_the_file(file: Path) -> None:
    file.write_text("kafka: {group_id: from-file, assignment: range}\nemit: all\n")
    settings = load_settings(file, environ(KAFKA__GROUP_ID="from-environment"))
    assert settings.kafka.group_id == "from-environment"
    assert settings.kafka.assignment == "range"
    assert settings.emit == "all"


def test_text_becomes_numbers_and_lists() -> None:
    settings = load_settings(
        None,
        environ(
            PROCESSES="3", GRACE_PERIOD_S="7.5", SIGNALS__ENABLED="account_age, link_share", HTTP__PORT="0"
        ),
    )
    assert (settings.processes, settings.grace_period_s, settings.http.port) == (3, 7.5, 0)
    assert settings.signals.enabled == ("account_age", "link_share")
    assert load_settings(None, environ(SIGNALS__ENABLED="")).signals.enabled == ()


def test_the_kafka_clients_own_options_pass_through(file: Path) -> None:
    file.write_text("kafka:\n  client:\n    security_protocol: SASL_SSL\n    ssl_check_hostname: false\n")
    settings = load_settings(file, environ(KAFKA__CLIENT__SASL_MECHANISM="SCRAM-SHA-512"))
    assert settings.kafka.client == {
        "security_protocol": "SASL_SSL",
        "ssl_check_hostname": False,
        "sasl_mechanism": "SCRAM-SHA-512",
    }


def test_a_secret_comes_from_a_file(tmp_path: Path, file: Path) -> None:
    (tmp_path / "url").write_text("redis://:hunter2@cache:6379/0\n")
    (tmp_path / "password").write_text("hunter2\n")
    settings = load_settings(
        None,
        environ(
            REDIS__URL_FILE=str(tmp_path / "url"),
            KAFKA__CLIENT__SASL_PLAIN_PASSWORD_FILE=str(tmp_path / "password"),
        ),
    )
    assert settings.redis.url == "redis://:hunter2@cache:6379/0"
    assert settings.kafka.client == {"sasl_plain_password": "hunter2"}
    file.write_text(f"redis:\n  url_file: {tmp_path / 'url'}\n")
    assert load_settings(file, {}).redis.url == "redis://:hunter2@cache:6379/0"


def test_a_setting_named_file_is_not_read_as_one() -> None:
    assert load_settings(None, environ(POLICY__FILE="policy.yaml")).policy.file == "policy.yaml"


def test_a_group_with_nothing_below_it_is_empty(file: Path) -> None:
    file.write_text("kafka:\nredis:\n")
    assert load_settings(file, environ(KAFKA__GROUP_ID="g")).kafka.group_id == "g"
    file.write_text("# nothing\n")
    assert load_settings(file, {}) == Settings()


def test_variables_of_the_tests_are_passed_over() -> None:
    assert load_settings(None, environ(TEST_BOOTSTRAP="localhost:9092")) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KAFK__GROUP_ID", "x", "unknown key 'kafk' (FLAGSTAFF_KAFK)"),
        ("KAFKA__GROUP", "x", "unknown key 'kafka.group' (FLAGSTAFF_KAFKA__GROUP)"),
        ("VERBOSE", "1", "unknown key 'verbose' (FLAGSTAFF_VERBOSE)"),
        ("PROCESSES", "two", "processes (FLAGSTAFF_PROCESSES): Expected `int`"),
        ("PROCESSES", "0", "processes (FLAGSTAFF_PROCESSES): Expected `int` >= 1"),
        ("HTTP__PORT", "70000", "http.port (FLAGSTAFF_HTTP__PORT): Expected `int` <= 65535"),
        ("EMIT", "some", "emit (FLAGSTAFF_EMIT): Invalid enum value 'some', not one of flagged, all"),
        (
            "STAGE__GATES__REQUIRED",
            "bias,luck",
            "(FLAGSTAFF_STAGE__GATES__REQUIRED): Invalid enum value 'luck', not one of disagreement, flag",
        ),
        ("STAGE__SHARES", "0.1,1.5", "stage.shares (FLAGSTAFF_STAGE__SHARES): Expected `float` < 1.0"),
        ("DETECTOR__DTYPE", "int4", "not one of auto, float32, bfloat16, float16, int8"),
        ("BREAKER__MAX_RATIO", "nan", "breaker.max_ratio (FLAGSTAFF_BREAKER__MAX_RATIO)"),
        ("GRACE_PERIOD_S", "inf", "grace_period_s (FLAGSTAFF_GRACE_PERIOD_S)"),
        ("REDIS__BREAKER_RESET_S", "-1", "redis.breaker_reset_s (FLAGSTAFF_REDIS__BREAKER_RESET_S)"),
        ("KAFKA", "x", "kafka (FLAGSTAFF_KAFKA)"),
        ("KAFKA__CLIENT", "x", "kafka.client (FLAGSTAFF_KAFKA__CLIENT)"),
        ("KAFKA__GROUP_ID__X", "x", "kafka.group_id (FLAGSTAFF_KAFKA__GROUP_ID)"),
        ("REDIS__URL_FILE", "/no/such/file", "redis.url_file: can't read /no/such/file"),
    ],
)
def test_a_bad_variable_stops_the_start_with_one_line_that_names_it(
    name: str, value: str, expected: str
) -> None:
    assert expected in refused(None, **{name: value})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafka: {group: x}", "unknown key 'kafka.group' (FLAGSTAFF_KAFKA__GROUP)"),
        ("kafka: {1: x}", "unknown key 'kafka.1'"),
        ("kafka: x", "kafka (FLAGSTAFF_KAFKA)"),
        ("- kafka", "must hold keys and values, not a list"),
        ("kafka: {group_id: 'x", "line 1 is not valid YAML"),
        ("a: 1\nb: [\n", "line 3 is not valid YAML"),
        ("\x00", "is not valid YAML"),
        ("emit: [all]", "emit (FLAGSTAFF_EMIT)"),
    ],
)
def test_a_bad_file_stops_the_start_with_one_line_that_names_it(file: Path, text: str, expected: str) -> None:
    file.write_text(text)
    assert expected in refused(file)


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, file: Path) -> None:
    assert str(file) in refused(file)
    assert str(tmp_path) in refused(tmp_path)
    file.write_bytes(b"\xff")
    assert str(file) in refused(file)


def test_a_variable_below_a_value_of_the_file_is_refused(file: Path) -> None:
    file.write_text("kafka: x\n")
    assert "FLAGSTAFF_KAFKA__GROUP_ID" in refused(file, KAFKA__GROUP_ID="g")


def test_a_value_and_a_file_for_it_are_too_many(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://b")
    message = refused(REDIS__URL="redis://a", REDIS__URL_FILE=str(tmp_path / "url"))
    assert "redis.url and redis.url_file" in message


def test_no_message_shows_a_secret(tmp_path: Path, file: Path) -> None:
    file.write_text('redis: {url: "redis://:hunter2@cache')
    assert "hunter2" not in refused(file)
    (tmp_path / "url").write_text("hunter2")
    assert "hunter2" not in refused(PROCESSES_FILE=str(tmp_path / "url"))


names = st.sampled_from([name.removeprefix("FLAGSTAFF_") for name, _, _ in settings_table()])


@given(st.dictionaries(names | st.text("ABKA_9", max_size=12), st.text(), max_size=4))
def test_any_environment_is_read_or_refused_in_one_line(variables: dict[str, str]) -> None:
    try:
        load_settings(None, environ(**variables))
    except SettingsError as error:
        message = str(error)
        assert "\n" not in message
