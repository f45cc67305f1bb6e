"""Checks of Redis: that it answers in time, and lets the worker write and run scripts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from worker.checks.finding import Finding
from worker.errors import SettingsError
from worker.redis_link import RedisLink

if TYPE_CHECKING:
    from redis import Redis

    from worker.settings import RedisSettings

_WHAT: Final = "redis"
_SHORT_S: Final = 10


def check_redis(settings: RedisSettings) -> list[Finding]:
    """The finding on Redis."""
    if not settings.url:
        detail = "none is named: no scores are kept, and signals that remember other posts are missing"
        return [Finding("warn", _WHAT, detail)]
    try:
        link = RedisLink(settings)
    except SettingsError as error:
        return [Finding("fail", _WHAT, str(error))]
    failures: list[RedisError] = []

    def look(client: Redis) -> dict[str, Any]:
        try:
            return _facts(client, f"{settings.prefix}:check")
        except RedisError as error:
            failures.append(error)
            raise

    facts = link.call("check", look)
    link.close()
    if facts is None:
        # The message of a connection error names host and port, never the URL with its password.
        why = " ".join(str(failures[-1]).split()) if failures else "it can't be used"
        return [Finding("fail", _WHAT, f"{why} (limit for an answer: {settings.timeout_ms} ms)")]
    name = facts.get("server_name", "redis")
    detail = f"{name} {facts.get('valkey_version') or facts.get('redis_version', '')}, {facts['ms']:.1f} ms"
    if facts.get("maxmemory") and facts.get("maxmemory_policy") == "noeviction":
        detail += "; it refuses writes once it is full: set maxmemory-policy to volatile-lru or allkeys-lru"
        return [Finding("warn", _WHAT, detail)]
    return [Finding("ok", _WHAT, detail)]


def _facts(client: Redis, key: str) -> dict[str, Any]:
    """Do once what a worker does all the time, and ask what kind of server this is."""
    client.ping()
    begun = time.perf_counter()
    client.set(key, b"1", ex=_SHORT_S)
    milliseconds = (time.perf_counter() - begun) * 1000
    client.mget([key])
    client.eval("return 1", 0)
    client.delete(key)
    facts: dict[str, Any] = {"ms": milliseconds}
    try:
        facts |= client.info("server") | client.info("memory")
    except RedisError:
        # A user that may not ask is no fault.
        facts["redis_version"] = "of unknown version"
    return facts
