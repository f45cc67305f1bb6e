"""The worker itself, with a detector that costs nothing and finds one post in twenty suspicious."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.contestants.bare import ONE_IN
from benchmarks.contestants.measured_worker import run_until, value_of
from worker.detector.calibration import Calibration
from worker.detector.protocol import Encoded
from worker.metrics import TRANSACTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUSPICIOUS, _PLAIN = 6.0, -6.0


class FreeDetector:
    """Costs nothing: the logit depends on the text's length alone."""

    name = "free"
    digest = "free"
    calibration = Calibration(fitted=True, languages=("en",))
    batch_tokens = 16_384
    on_gpu = False

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The payload is the length."""
        return [Encoded(len(text), 1, False) for text in texts]

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """High for one length in twenty."""
        return [_PLAIN if encoded.payload % ONE_IN else _SUSPICIOUS for encoded in batch]


def main() -> None:
    """Arguments: bootstrap servers, topic, topic out, posts, Redis URL or nothing, signals or nothing."""
    servers, topic, out, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    redis, signals = (sys.argv[5], sys.argv[6]) if len(sys.argv) > 6 else ("", "")
    settings = {"REDIS__URL": redis} | ({"SIGNALS__ENABLED": signals} if signals != "all" else {})
    run_until(count, servers, (topic, out), settings, FreeDetector())
    print(f"{count / max(1.0, value_of(TRANSACTIONS)):.0f} posts a transaction", file=sys.stderr)


if __name__ == "__main__":
    main()
