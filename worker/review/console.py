"""What can be done in the console, whoever asks for it and however it is shown."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import func, select

from worker.review.audit import Audit
from worker.review.database import Database
from worker.review.decision_topic import DecisionTopic
from worker.review.entry import Entry, mark_of, name_of
from worker.review.follower import Follower
from worker.review.judgements import read_said
from worker.review.known import read_known
from worker.review.post_text import PostText
from worker.review.queue import Queue
from worker.review.sampling import is_drawn_hidden, known_is_due
from worker.review.tables import ENTRIES
from worker.review.view import View, standing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.records import Action, Verdict
    from worker.review.case import Case
    from worker.review.entry import Kind
    from worker.review.judgements import Said
    from worker.review.sway import Seen
    from worker.review.view import Standing
    from worker.settings import Settings

Outcome = Literal[
    "written",
    "written-before",
    "stale",
    "not-in-hand",
    "nothing-to-undo",
    "appealed-since",
    "decided-before",
]

_REACH_S: Final = 20.0


def now_ms() -> int:
    """The time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Console:
    """Flags, decisions, locks and the audit trail.

    Attributes:
        queue: what waits, and locks.
        audit: who saw and did what.
        texts: posts.
        database: where view, locks and sessions are.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        settings: Settings,
        database: Database,
        follower: Follower,
        topic: DecisionTopic,
        texts: PostText,
        audit: Audit,
    ) -> None:
        self.settings = settings
        self.database = database
        self.queue = Queue(database, settings.review.lock_s * 1000)
        self.texts = texts
        self.audit = audit
        self._follower = follower
        self._topic = topic
        self._known = read_known(settings.review.known_file)

    @property
    def alive(self) -> bool:
        """Whether the view follows the topics."""
        return self._follower.alive

    def standing(self, flag_id: str) -> Standing | None:
        """A flag and how things stand with it."""
        with self.database.read() as connection:
            return standing_of(connection, flag_id, self.settings.review.double_share)

    def hides(self, standing: Standing, reviewer: str) -> bool:
        """Whether score, action and reasons are kept from a reviewer, who has given no verdict yet."""
        review = self.settings.review
        return (
            review.hide_until_verdict
            and reviewer not in standing.case.verdicts
            and is_drawn_hidden(reviewer, standing.flag.id, review.hide_share)
        )

    def _seen(self, standing: Standing, reviewer: str) -> Seen:
        hidden = self.hides(standing, reviewer)
        review = self.settings.review
        # Where one of both is sure there is nobody to compare with; later verdicts are never compared.
        if review.hide_until_verdict and 0 < review.hide_share < 1 and reviewer not in standing.case.entries:
            return "drawn-hidden" if hidden else "drawn-shown"
        return "hidden" if hidden else "shown"

    def next_for(self, reviewer: str, *, lead: bool, action: Action | None = None) -> str | None:
        """Puts the next flag into a reviewer's hand; its id, or None where nothing waits."""
        known: list[str] = []
        if self._known:
            with self.database.read() as connection:
                count = connection.execute(
                    select(func.count()).select_from(ENTRIES).where(ENTRIES.c.reviewer == reviewer)
                ).scalar_one()
            if known_is_due(reviewer, count, self.settings.review.known_share):
                known = list(self._known)
        return self.queue.take_next(reviewer, now_ms(), lead=lead, action=action, known=known)

    def act(  # noqa: PLR0913 - an entry has that many facts, all by name
        self,
        *,
        standing: Standing,
        reviewer: str,
        kind: Kind,
        verdict: Verdict,
        note: str,
        before: int,
        appeals: str = "",
    ) -> Outcome:
        """Writes what a reviewer did about a flag; returns once it is committed and in the view.

        Args:
            standing: the flag, as things stand.
            reviewer: who.
            kind: what was done.
            verdict: of a verdict.
            note: in words.
            before: how many entries the reviewer had made on this flag when the form was shown. A form that
                is sent again finds its entry written; one that is older than what was done since is `stale`.
            appeals: `mark_of` the waiting appeals that the form showed. A verdict answers them; where others
                have come in since, nothing is written.

        Raises:
            BrokerError: Kafka does not take it. The same form may be sent again.
        """
        flag, case = standing.flag, standing.case
        if before < (count := case.entries.get(reviewer, 0)):
            name = name_of(flag.id, reviewer, before)
            mine = next((entry for entry in standing.entries if entry.name == name), None)
            same = mine is not None and (mine.kind, mine.verdict) == (kind, verdict)
            return "written-before" if same else "stale"
        if before > count:
            return "stale"
        if kind == "undo":
            if not count:
                return "nothing-to-undo"
        elif objection := _objection(case, reviewer, appeals):
            return objection
        elif not self.queue.take(flag.id, reviewer, now_ms()):
            return "not-in-hand"
        entry = Entry(
            name=name_of(flag.id, reviewer, before),
            flag_id=flag.id,
            post_id=flag.post_id,
            reviewer=reviewer,
            kind=kind,
            verdict=verdict,
            note=note,
            at=datetime.now(UTC),
            appeals=_answered(case, reviewer) if kind == "verdict" else (),
            exercise=flag.post_id in self._known,
            seen=self._seen(standing, reviewer) if kind == "verdict" else None,
        )
        place = self._topic.write(entry)
        if place is not None:
            self._follower.wait_for(self.settings.topics.decisions, *place, _REACH_S)
        answered = {"appeals": entry.appeals} if entry.appeals else {}
        self.audit.note(kind, reviewer, flag_id=flag.id, verdict=verdict, name=entry.name, **answered)
        self.queue.release(flag.id, reviewer)
        return "written" if place is not None else "written-before"

    def said(self) -> Said:
        """What everybody said of every flag."""
        return read_said(self.database, self._known, self.settings.review.double_share)


def _objection(case: Case, reviewer: str, shown: str) -> Outcome | None:
    """Why a reviewer can't decide as things stand, the waiting appeals shown being those of this mark."""
    if case.bars(reviewer):
        return "decided-before"
    return "appealed-since" if shown != mark_of(case.waiting) else None


def _answered(case: Case, reviewer: str) -> tuple[str, ...]:
    """Which appeals a reviewer's verdict answers: those that wait, and those of an answer that it changes."""
    before = case.latest.get(reviewer)
    return (*case.waiting, *(before.appeals if before is not None else ()))


@contextmanager
def opened(settings: Settings, progress: Callable[[int, int], None]) -> Iterator[Console]:
    """The console, its view at the end that the topics have now, and following them from then on.

    Raises:
        SettingsError: the database, the file of known posts or a mapping is wrong.
        BrokerError: Kafka refuses, or a topic is missing.
        KafkaError: no broker answers.
    """
    folder = Path(settings.data_dir)
    with ExitStack() as stack:
        database = Database(settings.review.database or str(folder / "review.sqlite"))
        stack.callback(database.close)
        follower = Follower(settings, View(database, settings.review.double_share))
        stack.callback(follower.close)
        texts = PostText(settings)
        stack.callback(texts.close)

        def written(name: str) -> bool:
            follower.reach_end(settings.topics.decisions, _REACH_S)
            with database.read() as connection:
                found = connection.execute(select(ENTRIES.c.name).where(ENTRIES.c.name == name)).scalar()
            return found is not None

        topic = DecisionTopic(settings, written)
        stack.callback(topic.close)
        console = Console(settings, database, follower, topic, texts, Audit(folder / "review-audit.jsonl"))
        follower.catch_up(progress)
        follower.start()
        yield console
