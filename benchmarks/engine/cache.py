"""What a cache hit costs beside scoring the post: `python -m benchmarks.engine.cache`.

Both as the worker does them, round after round in one process: a batch of posts is scored, the scores go to
an embedded Valkey, and the same posts are looked up there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.engine.checkpoint import write_checkpoint
from benchmarks.engine.counts import count
from benchmarks.engine.machine import machine
from benchmarks.engine.shapes import SHAPES
from benchmarks.engine.spread import Spread
from benchmarks.engine.task import NUMBER_FORMATS
from benchmarks.engine.workload import LENGTHS, workload
from worker.candidate import Received
from worker.detector.loading import load_detector
from worker.detector.scoring import Scorer
from worker.embedded import EmbeddedValkey
from worker.logs import configure_logs
from worker.moderator import Moderator
from worker.policy import load_policy
from worker.records import Post, Source
from worker.redis_link import RedisLink
from worker.settings import DetectorSettings, LogSettings, RedisSettings, SignalSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.candidate import Candidate

_SEED: Final = 4
# One look-up is over in a millisecond or so; a round takes the mean of some.
_LOOK_UPS: Final = 20


class Worker:
    """The parts of a worker between its two topics, without signals.

    Args:
        detector_settings: the model.
        redis_url: where scores are kept.
    """

    def __init__(self, detector_settings: DetectorSettings, redis_url: str) -> None:
        detector = load_detector(detector_settings)
        redis_settings = RedisSettings(url=redis_url)
        self._moderator = Moderator(
            detector,
            load_policy(),
            emit="flagged",
            link=RedisLink(redis_settings),
            signal_settings=SignalSettings(enabled=()),
            redis_settings=redis_settings,
        )
        self._scorer = Scorer(detector, detector_settings.token_budget)

    def scoring_s(self, received: Sequence[Received]) -> float:
        """Seconds that the model takes over the posts; their scores are in the cache afterwards."""
        candidates = self._received(received)
        self._moderator.encode(candidates)
        began = time.perf_counter()
        self._moderator.score(candidates, self._scorer)
        taken = time.perf_counter() - began
        self._moderator.decide(candidates)
        return taken

    def look_up_s(self, received: Sequence[Received]) -> float:
        """Seconds that it takes to find the scores of the posts in the cache.

        Raises:
            RuntimeError: one of them was not there.
        """
        candidates = self._received(received)
        began = time.perf_counter()
        self._moderator.look_up(candidates)
        taken = time.perf_counter() - began
        if any(candidate.cache != "hit" for candidate in candidates):
            raise RuntimeError("a score that was just written is not in the cache")
        return taken

    def _received(self, received: Sequence[Received]) -> list[Candidate]:
        return [self._moderator.receive(one) for one in received]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the share, or flat JSON."""
    options = _options(arguments)
    configure_logs(LogSettings(level="error"))
    shape = SHAPES[options.model]
    posts = workload(options.lengths, options.posts, shape.vocabulary, _SEED)
    received = [
        Received(Post(id=f"p{number}", text=text), Source("posts", 0, number, 0))
        for number, text in enumerate(posts.texts)
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder) / "valkey", keep=False) as valkey,
    ):
        write_checkpoint(Path(folder), shape)
        settings = DetectorSettings(model=folder, dtype=options.dtype, device="cpu")
        worker = Worker(settings, valkey.url)
        worker.scoring_s(received)
        share = Spread.of(_share(worker, received) for _ in range(options.rounds))
    if options.json:
        conditions = {
            name: getattr(options, name) for name in ("model", "lengths", "dtype", "posts", "rounds")
        }
        print(json.dumps(share.flat("cache.hit_share") | machine() | conditions))
        return
    print(
        f"A cache hit costs {share.median:.3%} ({share.least:.3%} to {share.most:.3%}) of scoring the post: "
        f"{options.model}, {options.dtype}, {options.lengths} lengths; {options.rounds} rounds of "
        f"{options.posts} posts, looked up together"
    )


def _share(worker: Worker, received: Sequence[Received]) -> float:
    scoring_s = worker.scoring_s(received)
    look_up_s = sum(worker.look_up_s(received) for _ in range(_LOOK_UPS)) / _LOOK_UPS
    return look_up_s / scoring_s


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.cache", description=__doc__)
    parser.add_argument("--model", choices=SHAPES, default="roberta-base")
    parser.add_argument("--lengths", choices=LENGTHS, default="lognormal")
    parser.add_argument("--dtype", choices=["auto", *NUMBER_FORMATS], default="auto")
    parser.add_argument("--posts", type=count, default=128, help="scored and looked up together")
    parser.add_argument("--rounds", type=count, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
