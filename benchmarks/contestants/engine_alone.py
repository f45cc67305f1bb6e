"""The detector engine without Kafka: tokenising on one thread, the model on another, as the worker has it."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Final

from benchmarks.contestants.measure import Meter
from worker.detector.loading import load_detector
from worker.logs import configure_logs
from worker.settings import PREFIX, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from worker.detector.protocol import Detector, Encoded

# What is encoded at a time, and how many of these wait for the model: plenty for it, little memory.
_TEXTS: Final = 500
_AHEAD: Final = 16


def main() -> None:
    """Arguments: the model's folder, its number format, its device, a file of texts, a JSON string a line."""
    folder, number_format, device, file = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
    environ = {"DETECTOR__MODEL": folder, "DETECTOR__DTYPE": number_format, "DETECTOR__DEVICE": device}
    settings = load_settings(
        environ={f"{PREFIX}{name}": value for name, value in (environ | {"LOG__LEVEL": "error"}).items()}
    )
    configure_logs(settings.log)
    detector = load_detector(settings.detector)
    texts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    encoded: Queue[list[Encoded]] = Queue(_AHEAD)
    threading.Thread(target=_encode, args=(detector, texts, encoded), daemon=True).start()
    meter = Meter(len(texts))
    done = 0
    for batch in _batches(_taken(encoded, len(texts)), detector.batch_tokens):
        done += len(detector.logits(batch))
        meter.committed(done)


def _encode(detector: Detector, texts: Sequence[str], encoded: Queue[list[Encoded]]) -> None:
    for begin in range(0, len(texts), _TEXTS):
        encoded.put(detector.encode(texts[begin : begin + _TEXTS]))


def _taken(encoded: Queue[list[Encoded]], count: int) -> Iterator[Encoded]:
    while count:
        some = encoded.get()
        count -= len(some)
        yield from some


def _batches(posts: Iterable[Encoded], budget: int) -> Iterator[list[Encoded]]:
    """Batches within the budget of tokens, as the worker cuts them."""
    batch: list[Encoded] = []
    tokens = 0
    for post in posts:
        if batch and tokens + post.tokens > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(post)
        tokens += post.tokens
    yield batch


if __name__ == "__main__":
    main()
