"""All signals of a batch, in one round trip to Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from worker.metrics import SIGNALS_MISSING
from worker.signals.catalogue import check_names, post_signals, state_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Counter
    from redis import Redis

    from worker.detector.protocol import Detector
    from worker.redis_link import RedisLink
    from worker.settings import SignalSettings
    from worker.signals.facts import Facts
    from worker.signals.protocol import Row, StateSignal

T = TypeVar("T")
Column = list[float | None]
Values = Sequence[float | None]

# Redis serves nobody else while a script runs: this keeps one to milliseconds.
_POSTS_A_SCRIPT: Final = 500


class _Call(NamedTuple):
    """One script's arguments, and which posts of the batch they are about."""

    place: int
    signal: StateSignal
    positions: list[int]
    arguments: list[Any]


class Question(NamedTuple):
    """What is to be read of a batch of posts, worked out as far as it goes without Redis.

    Attributes:
        posts: how many.
        columns: the values of the signals by their place; of those that remember, none yet.
        calls: what Redis is asked.
        failures: what went wrong with a post, by its position.
    """

    posts: int
    columns: list[Column]
    calls: list[_Call]
    failures: dict[int, Exception]


class SignalSet:
    """The enabled signals.

    Args:
        settings: which signals, over which time.
        detector: whose word the author's record is made of.
        link: the way to Redis, or None for none: what is remembered there is then missing.
        prefix: start of every key; it holds the namespace.
        missing: counts values that could not be read, by the signal's name.

    Raises:
        SettingsError: an unknown signal is enabled.
    """

    def __init__(
        self,
        settings: SignalSettings,
        detector: Detector,
        *,
        link: RedisLink | None,
        prefix: str,
        missing: Counter = SIGNALS_MISSING,
    ) -> None:
        check_names(settings)
        self.names = settings.enabled
        self._link = link
        self._prefix = prefix
        from_post, from_state = post_signals(), state_signals(settings, detector)
        places = list(enumerate(self.names))
        self._from_post = [(place, from_post[name]) for place, name in places if name in from_post]
        self._from_state = [(place, from_state[name]) for place, name in places if name in from_state]
        self._missing = [missing.labels(name) for name in self.names]

    def read(self, batch: Sequence[Facts]) -> list[Values | Exception]:
        """Notes the posts and reads their signals.

        Returns:
            For each post the values in the order of `names`, or what went wrong with this post.
        """
        return self.answer(self.question(batch))

    def question(self, batch: Sequence[Facts]) -> Question:
        """The first half of `read`. It needs no Redis, so it can be done while another batch is read."""
        failures: dict[int, Exception] = {}
        columns: list[Column] = [[None] * len(batch) for _ in self.names]
        for place, signal in self._from_post:
            columns[place] = _one_by_one(signal.read, batch, failures)
        calls = [] if self._link is None else self._calls(batch, failures)
        return Question(len(batch), columns, calls, failures)

    def answer(self, question: Question) -> list[Values | Exception]:
        """The second half of `read`; questions are answered in the order in which posts are to be noted."""
        columns, failures = question.columns, question.failures
        if self._link is not None and question.calls:
            for place, column in self._answered(self._link, question).items():
                columns[place] = column
        for counter, column in zip(self._missing, columns, strict=True):
            if missing := column.count(None):
                counter.inc(missing)
        readings: list[Values | Exception] = (
            list(zip(*columns, strict=True)) if columns else [()] * question.posts
        )
        for position, error in failures.items():
            readings[position] = error
        return readings

    def keys(self, batch: Sequence[Facts]) -> list[list[str]]:
        """Under which keys the signals that remember note each post.

        Only posts that share a key are read by one another. A post that a signal fails on has none of its.
        """
        found: list[list[str]] = [[] for _ in batch]
        for place, signal in self._from_state:
            for keys, row in zip(found, _rows(signal, batch, {}), strict=True):
                if row is not None:
                    keys += [f"{self.names[place]}:{key}" for key in row.keys]
        return found

    def _calls(self, batch: Sequence[Facts], failures: dict[int, Exception]) -> list[_Call]:
        calls: list[_Call] = []
        for place, signal in self._from_state:
            rows = _rows(signal, batch, failures)
            asked = [(position, row) for position, row in enumerate(rows) if row is not None]
            # In the order of event time and id: a post sees those of its batch that came before it.
            asked.sort(key=lambda one: (batch[one[0]].at, one[1].packed))
            start = f"{self._prefix}:{self.names[place]}:"
            for first in range(0, len(asked), _POSTS_A_SCRIPT):
                part = asked[first : first + _POSTS_A_SCRIPT]
                keys = [start + key for _, row in part for key in row.keys]
                packed = b"".join([row.packed for _, row in part])
                positions = [position for position, _ in part]
                calls.append(_Call(place, signal, positions, [len(keys), *keys, packed, *signal.constants]))
        return calls

    def _answered(self, link: RedisLink, question: Question) -> dict[int, Column]:
        """The columns of the signals that remember, by their place; none where Redis is away."""

        def ask(redis: Redis) -> list[Any]:
            with redis.pipeline(transaction=False) as pipe:
                for call in question.calls:
                    pipe.eval(call.signal.script, *call.arguments)
                return pipe.execute()

        answers = link.call("signals", ask)
        if answers is None:
            return {}
        replies: dict[int, list[Any]] = {place: [None] * question.posts for place, _ in self._from_state}
        for call, answer in zip(question.calls, answers, strict=True):
            for position, reply in zip(call.positions, answer, strict=True):
                replies[call.place][position] = reply
        return {
            place: _one_by_one(signal.value, replies[place], question.failures)
            for place, signal in self._from_state
        }


def _one_by_one(
    function: Callable[[T], float | None], arguments: Sequence[T], failures: dict[int, Exception]
) -> Column:
    """The function's value for each post; one bad post harms one post."""
    try:
        return [function(argument) for argument in arguments]
    except Exception:  # noqa: BLE001 - which one is to blame is found out below
        column: Column = []
        for position, argument in enumerate(arguments):
            try:
                column.append(function(argument))
            except Exception as error:  # noqa: BLE001 - it is kept for the post that it belongs to
                failures.setdefault(position, error)
                column.append(None)
        return column


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
