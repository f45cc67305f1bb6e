"""What `flagstaff check` tries out: all that `flagstaff run` will need, and the console where it is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.checks.brokers import check_brokers
from worker.checks.console import check_console
from worker.checks.local import check_local
from worker.checks.redis_server import check_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.checks.finding import Finding
    from worker.settings import Settings


def check_all(settings: Settings) -> Iterator[Finding]:
    """Every finding, each as soon as it is known."""
    yield from check_local(settings)
    yield from check_brokers(settings)
    yield from check_redis(settings.redis)
    yield from check_console(settings.review)
