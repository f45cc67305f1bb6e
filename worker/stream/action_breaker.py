"""Holds an action down to `label` once its flags run far above their usual rate, until a person lifts that.

It stands behind the policy: it looks at the actions of what was decided, batch by batch, and changes those
that are held. What it watches is the policy's action, held or not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from worker.action_rate.hold import ACTIONS, hold
from worker.action_rate.memory import load_shares, save_shares
from worker.action_rate.watch import RateWatch
from worker.candidate import Decided
from worker.metrics import ACTION_RATE, ACTION_RATE_LOW, ACTION_USUAL_RATE, HELD_FLAGS
from worker.records import Hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from worker.candidate import Outcome
    from worker.records import Holdable
    from worker.settings import Settings
    from worker.stream.holds import Holds
    from worker.stream.item import Item

log = structlog.get_logger(__name__)

_DIGITS = 6


class ActionBreaker:
    """Watches each action above `label`. One thread calls it.

    Args:
        settings: all settings.
        holds: what is held now, also by other workers.
        worker: this worker's name.
        memory: where the learned shares are kept over a restart.

    Raises:
        SettingsError: the settings of the watch contradict each other.
    """

    def __init__(self, settings: Settings, *, holds: Holds, worker: str, memory: Path) -> None:
        rates = settings.action_rate
        kept = load_shares(memory)
        stated = {"review": rates.usual_review, "limit": rates.usual_limit}
        self._watches: dict[Holdable, RateWatch] = {
            action: RateWatch(rates, stated=stated[action], shares=kept.get(action, ())) for action in ACTIONS
        }
        self._group = settings.kafka.group_id
        self._holds = holds
        self._worker = worker
        self._memory = memory
        self._standing: Mapping[Holdable, Hold] = {}
        # The latest offset of each partition that was counted.
        self._seen: dict[int, int] = {}

    def apply(self, items: Sequence[Item], outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes, with the flags of actions that are held down to `label`.

        Args:
            items: where the posts were read, ascending within each partition.
            outcomes: what was decided of each.
        """
        self._heed()
        counted = self._new(items, outcomes)
        actions = [outcomes[place].action for place in counted]  # type: ignore[union-attr]  # none failed
        held_from: dict[str, int] = {}
        for action, watch in self._watches.items():
            # Most batches have none, and a list is searched faster than it is gone through here.
            hits = [n for n, one in enumerate(actions) if one == action] if action in actions else []
            if self._held(action):
                held_from[action] = 0
                watch.see(len(hits), len(counted))
            elif (tripped := self._look(action, hits, len(counted))) is not None:
                held_from[action] = counted[tripped]
            ACTION_RATE.labels(action=action).set(watch.present)
            ACTION_USUAL_RATE.labels(action=action).set(watch.usual)
        return _held_down(outcomes, held_from) if held_from else outcomes

    def _held(self, action: Holdable) -> bool:
        return action in self._standing and self._standing[action].held

    def _heed(self) -> None:
        """Begins anew with what was lifted since the last batch."""
        standing = self._holds.standing
        if standing is self._standing:
            return
        before, self._standing = self._standing, standing
        for action, one in standing.items():
            if not one.held and before.get(action) != one:
                self._watches[action].lifted(one.usual)

    def _new(self, items: Sequence[Item], outcomes: Sequence[Outcome]) -> Sequence[int]:
        """Which of the posts are decided and were not counted before.

        After a transaction that did not commit the same posts are decided again: that is no new evidence.
        """
        records = [item.record for item in items]
        firsts = {record.partition: record.offset for record in reversed(records)}
        lasts = {record.partition: record.offset for record in records}
        seen = self._seen
        again = any(offset <= seen.get(partition, -1) for partition, offset in firsts.items())
        new: Sequence[int] = range(len(outcomes))
        if again or set(map(type, outcomes)) != {Decided}:
            new = [
                place
                for place, (record, outcome) in enumerate(zip(records, outcomes, strict=True))
                if isinstance(outcome, Decided) and record.offset > seen.get(record.partition, -1)
            ]
        for partition, offset in lasts.items():
            seen[partition] = max(offset, seen.get(partition, -1))
        return new

    def _look(self, action: Holdable, hits: Sequence[int], count: int) -> int | None:
        watch = self._watches[action]
        was_low = watch.low
        tripped, learned = watch.add(hits, count)
        if tripped is not None:
            self._trip(action, watch)
        if learned:
            save_shares(self._memory, {name: one.shares for name, one in self._watches.items()})
        if watch.low != was_low:
            facts: dict[str, Any] = {"action": action, "share": round(watch.present, _DIGITS)}
            log.warning(
                "action_rate_low" if watch.low else "action_rate_low_over", **facts, usual=watch.usual
            )
        ACTION_RATE_LOW.labels(action=action).set(watch.low)
        return tripped

    def _trip(self, action: Holdable, watch: RateWatch) -> None:
        hits, posts = watch.excursion
        usual = round(watch.usual, _DIGITS)
        share = round(hits / posts, _DIGITS)
        note = f"{action} for {hits} of the latest {posts} posts, where {usual:.2%} is usual"
        log.error(
            "action_held",
            action=action,
            flags=hits,
            posts=posts,
            share=share,
            usual=usual,
            meaning="its flags go out as label until a person lifts it: flagstaff hold lift",
        )
        self._holds.put(
            Hold(
                group=self._group,
                action=action,
                held=True,
                by=self._worker,
                at=datetime.now(UTC),
                note=note,
                share=share,
                usual=usual,
                posts=posts,
            )
        )


def _held_down(outcomes: Sequence[Outcome], held_from: Mapping[str, int]) -> list[Outcome]:
    return [
        _as_label(outcome)
        if isinstance(outcome, Decided) and place >= held_from.get(outcome.action, len(outcomes))
        else outcome
        for place, outcome in enumerate(outcomes)
    ]


def _as_label(outcome: Decided) -> Decided:
    HELD_FLAGS.labels(action=outcome.action).inc()
    flag = None if outcome.flag is None else hold(outcome.flag)
    return outcome._replace(action="label", flag=flag, held=outcome.action)
