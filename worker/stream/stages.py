"""What the pipeline's stages do with a batch of items: read and prepare, score, decide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from worker.action_rate.hold import HEADER as HELD
from worker.candidate import Decided, Failed, Received
from worker.flag_maker import encode_flag
from worker.intake import InvalidPostError
from worker.metrics import ISOLATED, TOMBSTONES
from worker.records import Source
from worker.stream.dead_letters import dead_letter
from worker.stream.outbox import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.candidate import Candidate, Outcome
    from worker.intake import PostReader
    from worker.moderator import Moderator
    from worker.release.rollout import Rollout
    from worker.settings import Settings
    from worker.stream.action_breaker import ActionBreaker
    from worker.stream.decider import Current, Decider, Isolation
    from worker.stream.item import Item
    from worker.stream.notes import Notes, Place
    from worker.stream.tenure import Tenures

_TRACE: Final = "traceparent"


class Stages:
    """The three stages. Each is called from its own thread, batch after batch."""

    def __init__(  # noqa: PLR0913 - the shell's one place where all parts meet
        self,
        settings: Settings,
        *,
        reader: PostReader,
        current: Current,
        notes: Notes,
        tenures: Tenures,
        worker: str,
        breaker: ActionBreaker | None = None,
        rollout: Rollout | None = None,
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._current = current
        self._notes = notes
        self._tenures = tenures
        self._worker = worker.encode()
        self._breaker = breaker
        self._rollout = rollout
        self._suspects: set[Place] = set()
        self._seen_changes = -1

    def prepare(self, items: Sequence[Item]) -> None:
        """Reads the posts, looks their scores up, and tokenises those that have none."""
        self._refresh_suspects()
        live = self._current.decider
        for item in items:
            item.decider = live
            value = item.record.value
            if value is None:
                continue
            try:
                post = self._reader.read(value)
            except InvalidPostError as error:
                item.failure = ("decode", error.reason, str(error))
                continue
            record = item.record
            source = Source(record.topic, record.partition, record.offset, record.timestamp)
            item.candidate = live.moderator.receive(Received(post, source))
            item.isolate = bool(self._suspects) and _place(item) in self._suspects
            if self._rollout is not None:
                item.decider = self._rollout.decider_of(post, live)
        TOMBSTONES.inc(sum(item.record.value is None for item in items))
        for decider, own in _by_decider(items):
            self._encode(decider.moderator, own)

    def _encode(self, moderator: Moderator, items: Sequence[Item]) -> None:
        moderator.look_up([item.candidate for item in items if item.candidate is not None])
        unscored = [
            item
            for item in items
            if item.candidate is not None and not item.isolate and item.candidate.logit is None
        ]
        if unscored:
            self._notes.write("encode", [_place(item) for item in unscored])
            moderator.encode([item.candidate for item in unscored if item.candidate is not None])
            self._notes.strike("encode")

    def score(self, items: Sequence[Item]) -> None:
        """Runs the model over what has no score yet; posts under suspicion in a child process."""
        for decider, own in _by_decider(items):
            self._score(decider, own)

    def _score(self, decider: Decider, items: Sequence[Item]) -> None:
        owned = self._tenures.snapshot()
        fresh: list[Candidate] = []
        places: list[Place] = []
        alone: list[Candidate] = []
        for item in items:
            candidate = item.candidate
            if candidate is None or candidate.logit is not None or owned.get(item.partition) != item.tenure:
                continue
            if item.isolate:
                alone.append(candidate)
            else:
                fresh.append(candidate)
                places.append(_place(item))
        if fresh:
            self._notes.write("score", places)
            decider.moderator.score(fresh, decider.scorer)
            self._notes.strike("score")
        if alone:
            _score_alone(alone, decider.isolation)

    def decide(self, items: Sequence[Item]) -> None:
        """Signals, policy, and what is to be published."""
        owned = self._tenures.snapshot()
        live = [
            item for item in items if item.candidate is not None and owned.get(item.partition) == item.tenure
        ]
        by_decider = _by_decider(live)
        outcomes = _in_order(live, by_decider)
        if self._breaker is not None:
            outcomes = self._breaker.apply(live, outcomes)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        for item, outcome in zip(live, outcomes, strict=True):
            if isinstance(outcome, Failed):
                label = type(outcome.error).__name__
                item.failure = (outcome.stage, label, str(outcome.error) or label)
            elif isinstance(outcome, Decided):
                item.action = outcome.action
                self._address(item, outcome, now)
        if self._rollout is not None:
            for decider, own in by_decider:
                self._rollout.decided(decider, own)
        for item in items:
            # A detector that was replaced leaves memory with its last post.
            item.decider = None
            if item.failure is not None:
                stage, _, error = item.failure
                item.outgoing = dead_letter(
                    self._settings.topics.dead_letters, item.record, stage=stage, error=error
                )

    def _address(self, item: Item, decided: Decided, now: bytes) -> None:
        if decided.flag is None:
            return
        value = encode_flag(decided.flag)
        most = self._settings.stream.max_post_bytes
        if len(value) > most:
            item.failure = ("publish", "flag-too-large", f"the flag has {len(value)} bytes, more than {most}")
            return
        cache = item.candidate.cache if item.candidate is not None else "miss"
        headers = [("decided-at", now), ("worker", self._worker), ("cache", cache.encode())]
        if decided.held is not None:
            headers.append((HELD, decided.held.encode()))
        headers += [(name, content) for name, content in item.record.headers if name == _TRACE]
        item.outgoing = Outgoing(self._settings.topics.flags, value, item.record.key, headers)

    def _refresh_suspects(self) -> None:
        changes = self._tenures.changes
        if changes != self._seen_changes:
            self._seen_changes = changes
            self._suspects = self._notes.left_behind()


def _in_order(items: Sequence[Item], by_decider: Sequence[tuple[Decider, list[Item]]]) -> list[Outcome]:
    """What becomes of each item's post, whichever decides it, in the order of the items."""
    outcomes: dict[int, Outcome] = {}
    for decider, own in by_decider:
        candidates = [item.candidate for item in own if item.candidate is not None]
        outcomes.update(zip(map(id, own), decider.moderator.decide(candidates), strict=True))
    return [outcomes[id(item)] for item in items]


def _by_decider(items: Sequence[Item]) -> list[tuple[Decider, list[Item]]]:
    """The items of each decider, in their order; there is one for all but in a share of the authors."""
    first = items[0].decider if items else None
    if first is not None and all(item.decider is first for item in items):
        return [(first, list(items))]
    groups: dict[int, tuple[Decider, list[Item]]] = {}
    for item in items:
        decider = item.decider
        assert decider is not None  # noqa: S101 - `prepare` has set it
        groups.setdefault(id(decider), (decider, []))[1].append(item)
    return list(groups.values())


def _score_alone(candidates: Sequence[Candidate], isolation: Isolation) -> None:
    ISOLATED.inc(len(candidates))
    readings = isolation.score([candidate.text for candidate in candidates])
    for candidate, reading in zip(candidates, readings, strict=True):
        if isinstance(reading, Exception):
            candidate.error, candidate.stage = reading, "detect"
        else:
            candidate.logit, candidate.tokens, candidate.truncated = reading


def _place(item: Item) -> Place:
    record = item.record
    return record.topic, record.partition, record.offset
