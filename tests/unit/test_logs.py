from __future__ import annotations

import io
import json
import logging
import warnings
from typing import Any

import msgspec
import pytest
import structlog

from worker.logs import configure_logs
from worker.records import Post
from worker.settings import LogSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_level_and_utc_time(stream: io.StringIO) -> None:
    configure_logs(LogSettings(), stream=stream, process=2)
    structlog.get_logger().info("batch decided", posts=3)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "batch decided", "level": "info", "posts": 3, "process": 2}


def test_a_terminal_gets_readable_lines_and_json_can_be_asked_for() -> None:
    terminal = Terminal()
    configure_logs(LogSettings(), stream=terminal)
    structlog.get_logger().warning("redis is left alone", seconds=5)
    assert "redis is left alone" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    terminal = Terminal()
    configure_logs(LogSettings(format="json"), stream=terminal)
    structlog.get_logger().warning("redis is left alone")
    assert lines(terminal)[0]["level"] == "warning"


def test_events_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure_logs(LogSettings(level="warning"), stream=stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().error("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_libraries_speak_from_warning_on_through_the_same_renderer(stream: io.StringIO) -> None:
    configure_logs(LogSettings(level="debug"), stream=stream)
    logging.getLogger("kafka.conn").info("connecting")
    logging.getLogger("kafka.conn").warning("connection to %s lost", "broker-1")
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == (
        "connection to broker-1 lost",
        "kafka.conn",
        "warning",
    )


def test_a_library_that_repeats_itself_is_heard_once(stream: io.StringIO) -> None:
    configure_logs(LogSettings(), stream=stream)
    for _ in range(50):
        logging.getLogger("kafka.cluster").error("Topic %s not found", "posts")
    logging.getLogger("kafka.cluster").error("Topic %s not found", "flags")
    assert [line["event"] for line in lines(stream)] == ["Topic posts not found", "Topic flags not found"]


def test_warnings_become_log_lines(stream: io.StringIO) -> None:
    configure_logs(LogSettings(), stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old call", UserWarning, stacklevel=1)
    assert "old call" in lines(stream)[0]["event"]


def test_configuring_twice_writes_once(stream: io.StringIO) -> None:
    configure_logs(LogSettings(), stream=io.StringIO())
    configure_logs(LogSettings(), stream=stream)
    structlog.get_logger().info("once")
    logging.getLogger("redis").error("once too")
    assert [line["event"] for line in lines(stream)] == ["once", "once too"]


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "secret words"},
        {"value": b'{"text":"secret words"}'},
        {"record": b"secret words"},
        {"post": Post(id="p1", text="secret words")},
        {"posts": [Post(id="p1", text="secret words")]},
        {"batch": {"texts": ["secret words"]}},
    ],
)
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_no_post_text_from_info_on(stream: io.StringIO, fields: dict[str, Any], level: str) -> None:
    configure_logs(LogSettings(level="debug"), stream=stream)
    structlog.get_logger().log(logging.getLevelNamesMapping()[level.upper()], "something", **fields)
    assert lines(stream)
    assert "secret words" not in stream.getvalue()


def test_a_post_is_named_by_its_id_and_numbers_are_not_text(stream: io.StringIO) -> None:
    configure_logs(LogSettings(), stream=stream)
    structlog.get_logger().info("scored", post=Post(id="p1", text="x"), value=0.5)
    (line,) = lines(stream)
    assert (line["post"], line["value"]) == ("<post p1>", 0.5)


def test_debug_may_show_text(stream: io.StringIO) -> None:
    configure_logs(LogSettings(level="debug"), stream=stream)
    structlog.get_logger().debug("canonical form", text="words")
    assert lines(stream)[0]["text"] == "words"


class Holder(msgspec.Struct):
    sasl_plain_password: str


@pytest.mark.parametrize(
    "fields",
    [
        {"sasl_plain_password": "hunter2"},
        {"client": {"ssl_password": "hunter2", "nested": [{"api_key": "hunter2"}]}},
        {"url": "redis://:hunter2@cache:6379/0"},
        {"urls": ["redis://user:hunter2@cache:6379/0"]},
        {"error": "can't reach rediss://user:hunter2@cache:6379/0?x=1 now"},
        {"error": "bad option sasl_plain_password=hunter2, closing"},
        {"error": "{'sasl_plain_password': 'hunter2'}"},
        {"settings": Holder("hunter2")},
    ],
)
def test_no_secret_at_any_level(stream: io.StringIO, fields: dict[str, Any]) -> None:
    configure_logs(LogSettings(level="debug"), stream=stream)
    structlog.get_logger().debug("something", **fields)
    structlog.get_logger().error("something", **fields)
    logging.getLogger("redis").warning("failed: %s", fields)
    assert len(lines(stream)) == 3
    assert "hunter2" not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_an_exception_shows_its_traceback_without_local_variables(kind: type[io.StringIO]) -> None:
    stream = kind()
    configure_logs(LogSettings(), stream=stream)
    held = Post(id="p1", text="secret " + "words")
    try:
        float("redis://user:hunter2@cache refused")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert held.text not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
