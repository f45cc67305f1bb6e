"""A staged release for tests: topics, two detectors in directories, and the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.command import flagstaff
from tests.support.independent_reader import committed_records
from tests.support.linear_checkpoint import linear_checkpoint
from tests.support.posts import posts
from tests.support.running import publish
from tests.support.waiting import wait_until
from worker.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import EventDict

    from tests.support.command import Ended
    from tests.support.topics import TopicFactory

COMPACTED = {"cleanup.policy": "compact"}


class Staged:
    """What belongs to one release.

    Attributes:
        live: the detector that decides.
        challenger: the detector that is to go out.
        posts: how many posts were published.
    """

    def __init__(
        self,
        folder: Path,
        servers: str,
        topic: TopicFactory,
        *,
        live_bias: float = 0.0,
        bias: float = 0.01,
        **more: str,
    ) -> None:
        """`bias`: the mean logit of the challenger; with more than 4 everything gets a label."""
        self.servers = servers
        self.live = linear_checkpoint(folder / "live", live_bias)
        self.challenger = linear_checkpoint(folder / "challenger", bias)
        names = {
            "TOPICS__POSTS": topic("posts", partitions=4),
            "TOPICS__FLAGS": topic("flags"),
            "TOPICS__DEAD_LETTERS": topic("dead-letters"),
            "TOPICS__DECISIONS": topic("decisions"),
            "TOPICS__SHADOW": topic("shadow", partitions=2),
            "TOPICS__STAGES": topic("stages", config=COMPACTED),
        }
        self.values = {
            **names,
            "KAFKA__BOOTSTRAP_SERVERS": servers,
            "KAFKA__GROUP_ID": f"group-{names['TOPICS__POSTS']}",
            "KAFKA__TRANSACTIONAL_ID_PREFIX": f"tx-{names['TOPICS__POSTS']}",
            "KAFKA__SESSION_TIMEOUT_MS": "6000",
            "KAFKA__REQUEST_TIMEOUT_MS": "5000",
            "DETECTOR__MODEL": str(folder / "live"),
            "STAGE__MODEL": str(folder / "challenger"),
            "STAGE__SHARES": "0.25",
            "STAGE__TIME_SHARE": "0.9",
            "STAGE__QUEUE_POSTS": "5000",
            "STAGE__GATES__MIN_POSTS": "400",
            "STAGE__GATES__REQUIRED": "disagreement,flag_rate",
            "EMIT": "all",
            "HTTP__PORT": "0",
            "LOG__LEVEL": "warning",
            "DATA_DIR": str(folder),
        } | more
        self.posts = 0

    @property
    def settings(self) -> Settings:
        return load_settings(environ={f"{PREFIX}{name}": value for name, value in self.values.items()})

    def stage(self, *arguments: str) -> Ended:
        """Runs `flagstaff stage ARGUMENTS`."""
        return flagstaff("stage", *arguments, settings=self.values)

    def show(self) -> dict[str, Any]:
        """What `flagstaff stage show` says."""
        shown: dict[str, Any] = json.loads(self.stage("show", "--json").out)
        return shown

    def step(self, logged: list[EventDict], *arguments: str, workers: int = 1) -> str:
        """Takes a step and waits until so many workers are in it; returns what the command said."""
        before = len(_entered(logged))
        ended = self.stage(*arguments, "--by", "tester")
        assert ended.code == 0, ended.err
        wait_until(lambda: len(_entered(logged)) >= before + workers, what=f"{arguments} followed")
        return ended.out

    def publish(self, count: int, text: str | None = None) -> list[str]:
        """Publishes posts of many authors, the middle one with this text; returns their ids."""
        values = [post | {"id": f"p{self.posts + number}"} for number, post in enumerate(posts(count))]
        if text is not None:
            values[count // 2]["text"] = text
        self.posts += count
        publish(self.servers, self.values["TOPICS__POSTS"], [json.dumps(one).encode() for one in values])
        return [str(one["id"]) for one in values]

    def flags(self, ids: list[str]) -> list[dict[str, Any]]:
        """The flags of these posts, once all are there."""
        wanted = set(ids)

        def found() -> list[dict[str, Any]]:
            return [one for one in self.records("FLAGS") if one["post_id"] in wanted]

        wait_until(lambda: len(found()) >= len(wanted), what="the flags")
        return found()

    def records(self, topic: str) -> list[dict[str, Any]]:
        """Every record of a topic."""
        found = committed_records(self.servers, self.values[f"TOPICS__{topic}"])
        return [json.loads(record.value()) for record in found]


def _entered(logged: list[EventDict]) -> list[EventDict]:
    return [event for event in logged if event["event"] == "stage_entered"]
