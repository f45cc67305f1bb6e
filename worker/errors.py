"""The errors that end a command, each with the exit code its user sees."""

from __future__ import annotations

from typing import ClassVar


class FlagstaffError(Exception):
    """Something the user can mend. Its text is one line: what, where, and how to mend it."""

    exit_code: ClassVar[int] = 1


class SettingsError(FlagstaffError):
    """A setting, a policy or an argument is wrong; nothing was started."""

    exit_code = 2


class DetectorError(FlagstaffError):
    """A detector can't be loaded or used as it is."""


class EmbeddedError(FlagstaffError):
    """The embedded Kafka or Valkey can't be started, or ended unasked."""


class BrokerError(FlagstaffError):
    """Kafka refuses what the worker needs: a missing topic, a missing right, an unknown protocol."""


class FencedError(FlagstaffError):
    """Another worker keeps taking over this worker's transactional id."""


class BreakerTrippedError(FlagstaffError):
    """Too many posts went wrong; the worker stopped instead of filling the dead-letter topic."""

    exit_code = 3
