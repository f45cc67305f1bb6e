"""The one way to Redis: short waits, at most two tries, and nothing raised when it is away.

Where Redis is slow, full, loading, read-only, gone or left alone, the caller gets None and goes on without.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from worker.circuit import Circuit
from worker.errors import SettingsError
from worker.metrics import REDIS_BREAKER, REDIS_FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.settings import RedisSettings

T = TypeVar("T")

# A connection that a restarted server has dropped is found out by using it; the second try has a new one.
_TRIES: Final = 2
_WHERE: Final = "settings: redis.url (FLAGSTAFF_REDIS__URL)"

_log = structlog.get_logger()


class RedisLink:
    """A connection pool behind a circuit breaker. Safe to use from several threads.

    Args:
        settings: where Redis is, how long to wait, when to leave it alone. The URL must not be empty.
        clock: seconds that never go back.

    Raises:
        SettingsError: the URL can't be used. Nothing is connected before the first call.
    """

    def __init__(self, settings: RedisSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = _client(settings)
        self._circuit = Circuit(settings.breaker_failures, settings.breaker_reset_s, clock)
        self._retrying = Retrying(
            stop=stop_after_attempt(_TRIES), retry=retry_if_exception(_is_lost_connection), reraise=True
        )
        self._failing: set[str] = set()
        self._lock = Lock()
        self._unanswered = 0
        REDIS_BREAKER.set(0)

    def call(self, purpose: str, function: Callable[[Redis], T]) -> T | None:
        """What `function` makes of Redis, or None where Redis can't be used now.

        Args:
            purpose: a short name for the metric and the log.
            function: is given the client; may run twice, so it must do no harm when it does.
        """
        if not self._circuit.allows():
            self._count()
            return None
        try:
            answer = self._retrying(function, self._client)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with Redis, the stream goes on
            self._failed(purpose, error)
            return None
        self._succeeded(purpose)
        return answer

    @property
    def unanswered(self) -> int:
        """How many calls came back with None because Redis could not be used."""
        return self._unanswered

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def _failed(self, purpose: str, error: Exception) -> None:
        REDIS_FAILURES.labels(purpose).inc()
        self._count()
        with self._lock:
            is_new = purpose not in self._failing
            self._failing.add(purpose)
        if is_new:
            # The message of a connection error names host and port, never the URL with its password.
            _log.warning("redis call failed", purpose=purpose, kind=type(error).__name__, error=str(error))
        if self._circuit.failed():
            REDIS_BREAKER.set(1)
            _log.warning("redis is left alone", purpose=purpose, kind=type(error).__name__)

    def _count(self) -> None:
        with self._lock:
            self._unanswered += 1

    def _succeeded(self, purpose: str) -> None:
        if self._circuit.succeeded():
            REDIS_BREAKER.set(0)
            _log.info("redis is used again", purpose=purpose)
        if purpose in self._failing:
            with self._lock:
                self._failing.discard(purpose)
            _log.info("redis call succeeds again", purpose=purpose)


def _client(settings: RedisSettings) -> Redis:
    timeout = settings.timeout_ms / 1000
    try:
        client = Redis.from_url(
            settings.url,
            decode_responses=False,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
        # Connects to nothing; finds a bad option in the URL now and not at the first post.
        client.connection_pool.make_connection()
    except ValueError:
        # The parser's own message may quote a part of a password that holds a slash.
        raise SettingsError(
            f"{_WHERE}: no valid URL; write redis://, rediss:// or unix://, and in a password %2F for /, "
            "%3F for ?, %23 for #, %40 for @"
        ) from None
    except TypeError as error:
        name = str(error).partition("'")[2].rstrip("'")
        query = settings.url.partition("?")[2]
        named = f"{name!r}" if "@" not in query else "one"
        raise SettingsError(f"{_WHERE}: unknown option after the question mark: {named}") from None
    return client


def _is_lost_connection(error: BaseException) -> bool:
    return isinstance(error, RedisConnectionError) and not isinstance(
        error, AuthenticationError | BusyLoadingError
    )
