"""All signals of a batch, in one round trip to Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from worker.metrics import SIGNALS_MISSING
from worker.signals.catalogue import check_names, post_signals, state_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from worker.detector.protocol import Detector
    from worker.redis_link import RedisLink
    from worker.settings import SignalSettings
    from worker.signals.facts import Facts
    from worker.signals.protocol import Row, StateSignal

Values = list[float | None]

# Redis serves nobody else while a script runs: this keeps one to milliseconds.
_POSTS_A_SCRIPT: Final = 500


class _Call(NamedTuple):
    """One script's arguments, and which posts of the batch they are about."""

    index: int
    signal: StateSignal
    positions: list[int]
    arguments: list[Any]


class SignalSet:
    """The enabled signals.

    Args:
        settings: which signals, over which time.
        detector: whose word the author's record is made of.
        link: the way to Redis, or None for none: what is remembered there is then missing.
        prefix: start of every key; it holds the namespace.

    Raises:
        SettingsError: an unknown signal is enabled.
    """

    def __init__(
        self, settings: SignalSettings, detector: Detector, *, link: RedisLink | None, prefix: str
    ) -> None:
        check_names(settings)
        self.names = settings.enabled
        self._link = link
        self._prefix = prefix
        from_post, from_state = post_signals(), state_signals(settings, detector)
        self._readers = [
            (index, from_post[name].read) for index, name in enumerate(self.names) if name in from_post
        ]
        self._state = [
            (index, from_state[name]) for index, name in enumerate(self.names) if name in from_state
        ]
        self._missing = [SIGNALS_MISSING.labels(name) for name in self.names]

    def read(self, batch: Sequence[Facts]) -> list[Values | Exception]:
        """Notes the posts and reads their signals.

        Returns:
            For each post the values in the order of `names`, or what went wrong with this post.
        """
        columns: dict[int, list[Any]] = {}
        failures: dict[int, Exception] = {}
        if self._link is not None and self._state and batch:
            columns, failures = self._read_state(self._link, batch)
        blank: Values = [None] * len(self.names)
        readings: list[Values | Exception] = []
        for position, facts in enumerate(batch):
            values = blank.copy()
            try:
                for index, read in self._readers:
                    values[index] = read(facts)
                for index, signal in self._state if columns else ():
                    values[index] = signal.value(columns[index][position])
            except Exception as error:  # noqa: BLE001 - one bad post harms one post
                failures.setdefault(position, error)
            readings.append(failures.get(position, values) if failures else values)
        self._count_missing([values for values in readings if not isinstance(values, Exception)])
        return readings

    def _read_state(
        self, link: RedisLink, batch: Sequence[Facts]
    ) -> tuple[dict[int, list[Any]], dict[int, Exception]]:
        """The replies for each post by the signal's place, and the posts for which no question can be made."""
        failures: dict[int, Exception] = {}
        calls: list[_Call] = []
        for index, signal in self._state:
            rows = _rows(signal, batch, failures)
            asked = [(position, row) for position, row in enumerate(rows) if row is not None]
            start = f"{self._prefix}:{self.names[index]}:"
            for first in range(0, len(asked), _POSTS_A_SCRIPT):
                part = asked[first : first + _POSTS_A_SCRIPT]
                keys = [start + key for _, row in part for key in row.keys]
                packed = b"".join([row.packed for _, row in part])
                positions = [position for position, _ in part]
                calls.append(_Call(index, signal, positions, [len(keys), *keys, packed, *signal.constants]))

        def ask(redis: Redis) -> list[Any]:
            with redis.pipeline(transaction=False) as pipe:
                # All posts are noted before the first is read, so their order in the batch does not matter.
                for call in calls:
                    pipe.eval(call.signal.observe, *call.arguments)
                for call in calls:
                    pipe.eval(call.signal.read, *call.arguments)
                return pipe.execute()

        replies = link.call("signals", ask) if calls else []
        if replies is None:
            return {}, failures
        columns: dict[int, list[Any]] = {index: [None] * len(batch) for index, _ in self._state}
        for call, reply in zip(calls, replies[len(calls) :], strict=True):
            for position, one in zip(call.positions, reply, strict=True):
                columns[call.index][position] = one
        return columns, failures

    def _count_missing(self, readings: Sequence[Values]) -> None:
        for counter, column in zip(self._missing, zip(*readings, strict=True), strict=False):
            if missing := column.count(None):
                counter.inc(missing)


def _rows(signal: StateSignal, batch: Sequence[Facts], failures: dict[int, Exception]) -> list[Row | None]:
    try:
        return signal.rows(batch)
    except Exception:  # noqa: BLE001 - one of them is to blame: they are asked one by one
        rows: list[Row | None] = []
        for position, facts in enumerate(batch):
            try:
                rows += signal.rows([facts])
            except Exception as error:  # noqa: BLE001 - one bad post harms one post
                failures.setdefault(position, error)
                rows.append(None)
        return rows
