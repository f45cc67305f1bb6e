"""Where the pipeline meets a release: who decides a post, and what the challenger decides beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from worker.metrics import SHADOW_POSTS, STAGE, STAGE_SHARE
from worker.records import StageName
from worker.release.rungs import OFF
from worker.release.share import AuthorShare
from worker.release.waiting import Live, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.records import Post
    from worker.release.rungs import Rung
    from worker.release.waiting import WaitingPosts
    from worker.stream.decider import Decider
    from worker.stream.item import Item


class Rollout:
    """The challenger and the stage it is in. The pipeline's threads ask, the follower sets the stage.

    Args:
        challenger: what may decide in the live one's place.
        waiting: where decided posts go for the shadow.
    """

    def __init__(self, challenger: Decider, waiting: WaitingPosts) -> None:
        self.challenger = challenger
        self._digests = (challenger.detector.digest, challenger.policy.digest)
        self._authors = AuthorShare(" ".join(self._digests))
        self._waiting = waiting
        self.enter(OFF)

    @property
    def rung(self) -> Rung:
        """The stage in force."""
        return self._rung

    def enter(self, rung: Rung) -> None:
        """From now on this stage is in force; a post that was prepared before keeps its decider."""
        self._rung = rung
        for name in get_args(StageName):
            STAGE.labels(name).set(name == rung.stage)
        STAGE_SHARE.set(rung.share)

    def decider_of(self, post: Post, live: Decider) -> Decider:
        """What decides a post: a function of its author, the challenger and the share alone."""
        share = self._rung.share
        if share <= 0:
            return live
        return self.challenger if share >= 1 or self._authors.holds(post, share) else live

    def decided(self, decider: Decider, items: Sequence[Item]) -> None:
        """The decider has decided these; the challenger may decide them beside it, if there is room."""
        if self._rung.stage not in {"shadow", "share"} or decider is self.challenger:
            return
        live = Live(decider.detector.digest, decider.policy.digest, decider.detector.calibration)
        if (live.detector, live.policy) == self._digests:
            return
        fit = [item for item in items if item.action is not None and not item.isolate]
        room = self._waiting.room()
        posts = [
            Waiting(
                item.candidate,
                item.record.key,
                (item.record.topic, item.record.partition, item.record.offset),
                item.size,
                live,
            )
            for item in fit[:room]
            if item.candidate is not None
        ]
        taken = self._waiting.offer(posts) if posts else 0
        SHADOW_POSTS.labels("skipped").inc(len(fit) - taken)
