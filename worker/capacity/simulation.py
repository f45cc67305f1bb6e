"""One worker, simulated: its main loop, its three stages and its transactions, on cores that they share.

It does what `worker.stream.runner`, `pipeline` and `outbox` do, with costs in the place of work. Posts are
places in arrays and go from step to step in ranges, so its own run time goes by batches, not by posts.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from simpy import Environment, Store

from worker.capacity.processor import Processor

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray
    from simpy import Event

    from worker.capacity.arrivals import Posts
    from worker.capacity.costs import Costs
    from worker.settings import StreamSettings

# As in `worker.stream.runner` and `worker.stream.budget`.
_IDLE_POLL_S: Final = 0.1
_BUSY_POLL_S: Final = 0.005
_RESUME_SHARE: Final = 0.8

Range = tuple[int, int]


class Shape(NamedTuple):
    """How one worker is set up.

    Attributes:
        cores: that its process may use.
        token_budget: most tokens in a batch.
        max_latency_s: longest that a post waits for its batch to fill.
        stream: what may be in flight and how often it is committed.
        post_bytes: of a record, on average.
    """

    cores: float
    token_budget: int
    max_latency_s: float
    stream: StreamSettings
    post_bytes: float


class Course(NamedTuple):
    """What a worker did.

    Attributes:
        posts: what it was given.
        committed: seconds at which each post was committed; infinite where it was not.
        until: seconds at which the simulation ended.
        batches: runs of the model.
        transactions: how many.
        in_python: share of the time that the interpreter lock was held.
        scoring: share of the time that the model ran.
    """

    posts: Posts
    committed: NDArray[np.float64]
    until: float
    batches: int
    transactions: int
    in_python: float
    scoring: float

    @property
    def done(self) -> int:
        """Posts committed."""
        return int(np.isfinite(self.committed).sum())

    def latencies(self, begin: float, end: float) -> NDArray[np.float64]:
        """Seconds from topic to commit of the posts that arrived then; infinite where there was none."""
        arrived = self.posts.arrived
        chosen = (arrived >= begin) & (arrived < end)
        return self.committed[chosen] - arrived[chosen]


def simulate(posts: Posts, costs: Costs, shape: Shape, until: float) -> Course:
    """Runs a worker over posts until all are committed, or `until` seconds."""
    return _Worker(posts, costs, shape).run(until)


class _Worker:
    def __init__(self, posts: Posts, costs: Costs, shape: Shape) -> None:
        self._posts, self._costs, self._shape = posts, costs, shape
        self._env = Environment()
        self._cpu = Processor(self._env, shape.cores, costs.switch)
        self._arrived, self._prepared, self._scored = Store(self._env), Store(self._env), Store(self._env)
        self._outbox = Store(self._env)
        self._committed = np.full(len(posts), np.inf)
        # When each was ready to be scored: the deadline of its batch follows from it.
        self._ready_at = np.zeros(len(posts))
        self._decided: deque[Range] = deque()
        # Up to which post: fetched, read, decided, in a transaction, known to be committed.
        self._fetched = self._read = self._taken = self._sent = self._settled = 0
        self._decided_since = 0.0
        self._report = 0
        self._idle = True
        self._spent = False
        self._batches = self._transactions = 0
        self._scoring_s = 0.0
        self._finished = self._env.event()
        # Set while the main loop waits for records.
        self._waking: Event | None = None

    def run(self, until: float) -> Course:
        env = self._env
        for process in (self._fetch, self._turns, self._prepare, self._score, self._decide, self._publish):
            env.process(process())
        env.run(env.any_of([self._finished, env.timeout(until)]))
        lasted = max(float(env.now), 1e-9)
        return Course(
            self._posts,
            self._committed,
            lasted,
            self._batches,
            self._transactions,
            float(self._cpu.in_python_s / lasted),
            float(self._scoring_s / lasted),
        )

    def _fetch(self) -> Generator[Event, object, None]:
        """Kafka's answers: the next one is asked for once the last one is read."""
        env, costs, readable = self._env, self._costs, self._posts.readable
        count, most = len(self._posts), self._shape.stream.poll_records
        while self._fetched < count:
            # The client asks again as soon as less than a whole poll is left.
            while self._fetched - self._read >= most:
                yield env.timeout(_BUSY_POLL_S / 5)
            if (early := float(readable[self._fetched]) - env.now) > 0:
                yield env.timeout(early)
            yield from self._cpu.python(
                costs.poll.fixed, switches=costs.fetch_switches, waiting=costs.fetch_wait
            )
            there = int(np.searchsorted(readable, env.now, side="right"))
            self._fetched = min(there, self._fetched + 8 * most)
            self._wake()

    def _wake(self) -> None:
        if self._waking is not None and not self._waking.triggered:
            self._waking.succeed()

    def _turns(self) -> Generator[Event, object, None]:
        """The main loop."""
        env, costs, stream = self._env, self._costs, self._shape.stream
        while True:
            if self._report:
                done, self._report = self._report, 0
                yield from self._cpu.python(costs.settle * (done - self._settled) / 2)
                self._settled, self._idle = done, True
                if done == len(self._posts):
                    self._finished.succeed()
                    return
            room = self._room()
            count = min(room, self._fetched - self._read)
            if count > 0:
                yield from self._cpu.python(costs.poll.each * count)
                begin, self._read = self._read, self._read + count
                self._arrived.put((begin, self._read))
            else:
                self._waking = env.event() if room else None
                patience = env.timeout(_BUSY_POLL_S if self._in_flight else _IDLE_POLL_S)
                yield patience if self._waking is None else env.any_of([self._waking, patience])
                self._waking = None
                if patience.processed:
                    yield from self._cpu.python(costs.turn)
            while self._decided:
                begin, end = self._decided.popleft()
                if self._taken == self._sent:
                    self._decided_since = env.now
                yield from self._cpu.python(costs.settle * (end - begin) / 2)
                self._taken = end
            waiting = self._taken - self._sent
            due = env.now - self._decided_since >= stream.transaction_interval_ms / 1000
            if waiting and self._idle and (due or waiting >= stream.transaction_posts):
                begin, self._sent = self._sent, self._sent + min(waiting, stream.transaction_posts)
                self._decided_since, self._idle = env.now, False
                self._outbox.put((begin, self._sent))

    @property
    def _in_flight(self) -> int:
        return self._read - self._settled

    def _room(self) -> int:
        """As `worker.stream.budget.Budget.room` has it, with posts of the mean size."""
        stream = self._shape.stream
        most = min(stream.in_flight_posts, int(stream.in_flight_bytes / self._shape.post_bytes))
        free = int(most * (_RESUME_SHARE if self._spent else 1.0)) - self._in_flight
        self._spent = free <= 0
        return 0 if self._spent else min(free, stream.poll_records)

    def _prepare(self) -> Generator[Event, Range, None]:
        costs, tokens = self._costs, self._posts.tokens
        while True:
            begin, end = yield self._arrived.get()
            if wait := costs.prepare_wait.of(end - begin):
                yield self._env.timeout(wait)
            encoded = costs.encode * int(tokens[end] - tokens[begin])
            yield from self._cpu.python(costs.prepare.of(end - begin) + encoded)
            self._ready_at[begin:end] = self._env.now
            self._prepared.put((begin, end))

    def _score(self) -> Generator[Event, object, None]:
        """Cuts batches as `worker.stream.pipeline` does: full ones at once, others at their deadline."""
        env, tokens, budget = self._env, self._posts.tokens, self._shape.token_budget
        more = self._prepared.get()
        begin = end = 0
        while True:
            if end == begin:
                yield more
            patience = float(self._ready_at[begin]) + self._shape.max_latency_s - env.now
            if not more.triggered and tokens[end] - tokens[begin] < budget and patience > 0:
                yield env.any_of([more, env.timeout(patience)])
            if more.triggered:
                end = self._end_of(more)
                more = self._prepared.get()
            late = env.now >= self._ready_at[begin] + self._shape.max_latency_s
            if 0 < tokens[end] - tokens[begin] < budget and (more.triggered or not late):
                continue
            cut = int(np.searchsorted(tokens, tokens[begin] + budget, side="right")) - 1
            cut = min(max(cut, begin + 1), end)
            yield from self._run(int(tokens[cut] - tokens[begin]))
            self._scored.put((begin, cut))
            begin = cut

    @staticmethod
    def _end_of(got: Event) -> int:
        prepared: Range = got.value  # type: ignore[assignment]  # simpy leaves open what an event brings
        return prepared[1]

    def _run(self, tokens: int) -> Generator[Event, object, None]:
        """One run of the model."""
        if not tokens:
            return
        began, costs = self._env.now, self._costs
        work = costs.score.of(tokens)
        if costs.score_in_python:
            yield from self._cpu.python(work * costs.score_in_python)
        native = work * (1 - costs.score_in_python)
        if costs.score_cores:
            alone = costs.score_alone.of(tokens) - work * costs.score_in_python
            threads = native / alone if alone > 0 else costs.score_cores
            yield self._cpu.native(native, min(max(1.0, threads), costs.score_cores))
        else:
            yield self._env.timeout(native)
        self._batches += 1
        self._scoring_s += self._env.now - began

    def _decide(self) -> Generator[Event, Range, None]:
        costs = self._costs
        while True:
            begin, end = yield self._scored.get()
            if wait := costs.decide_wait.of(end - begin):
                yield self._env.timeout(wait)
            yield from self._cpu.python(costs.decide.of(end - begin))
            self._decided.append((begin, end))

    def _publish(self) -> Generator[Event, Range, None]:
        costs, published = self._costs, self._posts.published
        while True:
            begin, end = yield self._outbox.get()
            records = int(published[end] - published[begin])
            yield from self._cpu.python(
                costs.publish.of(records), switches=costs.commit_switches, waiting=costs.commit_wait
            )
            self._committed[begin:end] = self._env.now
            self._transactions += 1
            self._report = end
