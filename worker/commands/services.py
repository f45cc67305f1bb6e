"""The embedded Kafka and Valkey beside a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from worker.settings import Settings

PARTITIONS: Final = 4


def start_embedded(settings: Settings, folder: Path, stack: ExitStack) -> Settings:
    """Starts both in a folder; the stack ends them. Returns the settings with their addresses.

    Raises:
        EmbeddedError: one of them can't be started.
    """
    from worker.embedded import EmbeddedKafka, EmbeddedValkey  # noqa: PLC0415 - an extra

    kafka = stack.enter_context(EmbeddedKafka(folder / "kafka"))
    valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
    return msgspec.structs.replace(
        settings,
        kafka=msgspec.structs.replace(settings.kafka, bootstrap_servers=kafka.bootstrap_servers),
        redis=msgspec.structs.replace(settings.redis, url=valkey.url),
    )
