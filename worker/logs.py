"""Logs: one JSON object a line on standard error, or readable lines where that is a terminal.

The worker's own events go through structlog, those of libraries through the standard library's logging; both
end in one handler and one renderer. Two promises are kept here and not left to the caller: at info and above
no line carries a post's text, and no line at any level carries a password.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from worker.records import Post

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict, Processor, WrappedLogger

    from worker.settings import LogSettings

_TEXT_KEYS: Final = frozenset({"text", "texts", "value", "values"})
_HIDDEN_NAMES: Final = r"(?:password|passwd|secret|api_?key|credential|access_?token)"
_SECRET_KEY: Final = re.compile(rf"{_HIDDEN_NAMES}|\Atoken\Z", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(?<=://)[^/\s@]*@")
# `password=…`, `'sasl_plain_password': '…'`, as libraries print their own settings.
_ASSIGNED: Final = re.compile(
    rf"""({_HIDDEN_NAMES}\w*['"]?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&)}}]+)""", re.IGNORECASE
)
_HIDDEN: Final = "***"
_WHILE_S: Final = 10.0
_REMEMBERED: Final = 1_000


class _Handler(logging.StreamHandler[TextIO]):
    """The one that `configure_logs` put there, so that it can be told from others and replaced."""


class _OncePerWhile(logging.Filter):
    """Lets a library say the same thing once in ten seconds: kafka-python says some ten times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == "worker":
            return True
        what = (record.name, record.getMessage())
        if record.created - self._said.get(what, -_WHILE_S) < _WHILE_S:
            return False
        if len(self._said) == _REMEMBERED:
            self._said.clear()
        self._said[what] = record.created
        return True


def configure_logs(settings: LogSettings, *, stream: TextIO | None = None, **always: object) -> None:
    """Send every log line of this process to `stream`, or to standard error.

    Args:
        settings: lowest level of the worker's own events, and the format. Libraries speak from warning on.
        stream: where lines go.
        always: keys that every line carries, such as the number of the process.
    """
    stream = sys.stderr if stream is None else stream
    as_json = settings.format == "json" or (settings.format == "auto" and not stream.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]

    def add_always(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**always, **event}

    shared: list[Processor] = [
        add_always,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        without_post_text,
        without_secrets,
    ]
    # The default traceback of the console renderer shows local variables, among them posts.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    handler = _Handler(stream)
    handler.addFilter(_OncePerWhile())
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer() if as_json else console,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [old for old in root.handlers if not isinstance(old, _Handler)] + [handler]
    root.setLevel(max(level, logging.WARNING))
    own = logging.getLogger("worker")
    own.setLevel(level)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: own,
        cache_logger_on_first_use=False,
    )


def without_post_text(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: replaces what may be a post's text, at info and above."""
    return event if method == "debug" else _each(event, _without_text)


def without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: replaces passwords, and the user part of addresses."""
    return _each(event, _without_secret)


def _each(event: EventDict, treat: Callable[[str, Any], Any]) -> EventDict:
    return {key: treat(str(key), value) for key, value in event.items()}


def _without_text(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _each(value, _without_text)
    if isinstance(value, list | tuple):
        return [_without_text(key, part) for part in value]
    if isinstance(value, Post):
        return f"<post {value.id}>"
    if isinstance(value, bytes) or (key in _TEXT_KEYS and isinstance(value, str)):
        return f"<{len(value)} {'bytes' if isinstance(value, bytes) else 'characters'} left out>"
    return value


def _without_secret(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_KEY.search(key):
        return _HIDDEN
    if isinstance(value, dict):
        return _each(value, _without_secret)
    if isinstance(value, list | tuple):
        return [_without_secret(key, part) for part in value]
    # An object is written as its repr, which may hold anything.
    text = value if isinstance(value, str) else repr(value)
    return _ASSIGNED.sub(rf"\1{_HIDDEN}", _USERINFO.sub(f"{_HIDDEN}@", text))
