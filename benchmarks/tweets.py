"""How well flags tell posts and authors apart, from the flags themselves: `python -m benchmarks.tweets`.

The tweets of a labelled file go through a real worker, topic to topic; every figure is then worked out from
the published flags and the labels alone. Tweets carry neither account data nor a time: each is given a time
of its own, a minute after the one before, so that the author's own record can build up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import secrets
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sklearn.metrics import roc_auc_score

from worker.commands.services import start_embedded
from worker.demo.run import stream
from worker.lab.corpus import read_samples
from worker.lab.splits import hold_out
from worker.settings import PREFIX, load_settings
from worker.topics.applying import create_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.corpus import Sample
    from worker.records import Flag

_DATA = Path(__file__).parents[2] / "shared" / "data"
# What the default detector was trained with: these authors it has never seen.
_HELD_OUT, _SEED = 0.2, 0
_PARTITIONS = 4
_LEAST_POSTS = 25


class Judged(NamedTuple):
    """A flag, and who wrote its post."""

    flag: Flag
    is_machine: bool
    author: str


def main() -> None:
    """Prints a table for each set of tweets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default")
    parser.add_argument("--data", type=Path, default=_DATA, help="where tweets.{train,valid}.jsonl.gz are")
    arguments = parser.parse_args()
    model, data = arguments.model, arguments.data
    if not (data / "tweets.valid.jsonl.gz").exists():
        parser.error(f"no labelled tweets in {data}: name their folder with --data")
    valid = [sample for sample in read_samples([data / "tweets.valid.jsonl.gz"]) if sample.author]
    train = [sample for sample in read_samples([data / "tweets.train.jsonl.gz"]) if sample.author]
    _, unseen = hold_out(train, _HELD_OUT, _SEED)
    for name, samples in (("validation part, authors mostly seen", valid), ("authors never seen", unseen)):
        print(f"{name}: {len(samples)} tweets")
        _report(_decide(samples, model))


def _decide(samples: Sequence[Sample], model: str) -> list[Judged]:
    run = f"tweets-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        environ = {
            "KAFKA__GROUP_ID": run,
            "DETECTOR__MODEL": model,
            "EMIT": "all",
            # Half of the tweets are a machine's, which is no platform's usual rate.
            "ACTION_RATE__ENABLED": "false",
            "HTTP__PORT": "0",
            "DATA_DIR": str(folder / "worker"),
        }
        settings = load_settings(environ={PREFIX + key: value for key, value in environ.items()})
        settings = start_embedded(settings, folder, stack)
        create_topics(settings, partitions=_PARTITIONS, replication=1)
        lines = [_post(number, sample) for number, sample in enumerate(samples)]
        collected = stream(settings, lines, folder=folder, progress=lambda _: None)
    return [
        Judged(flag, samples[int(flag.post_id)].is_machine, str(samples[int(flag.post_id)].author))
        for flag in collected.flags
    ]


def _post(number: int, sample: Sample) -> bytes:
    day, minute = divmod(number, 24 * 60)
    at = f"2026-03-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"
    post = {
        "id": str(number),
        "text": sample.text,
        "lang": "en",
        "created_at": at,
        "author": {"id": sample.author},
    }
    return json.dumps(post).encode()


def _report(judged: Sequence[Judged]) -> None:
    covered = [one for one in judged if one.flag.detector.calibrated]
    print(f"  abstained from for their length: {len(judged) - len(covered)}")
    labels = [one.is_machine for one in covered]
    probabilities = [one.flag.detector.probability for one in covered]
    scores = [one.flag.score for one in covered]
    right = sum(
        (probability > 0.5) == label for probability, label in zip(probabilities, labels, strict=True)
    )
    print(f"  single posts: accuracy {right / len(covered):.3f} at probability 0.5")
    print(f"  single posts: AUROC {roc_auc_score(labels, probabilities):.3f} of the detector's probability")
    print(f"  single posts: AUROC {roc_auc_score(labels, scores):.3f} of the score, with the author's record")
    for label, who in ((True, "machine"), (False, "human")):
        actions = Counter(one.flag.action for one in judged if one.is_machine is label)
        total = sum(actions.values())
        shares = ", ".join(f"{action} {count / total:.1%}" for action, count in sorted(actions.items()))
        print(f"  actions on {who} posts: {shares}")
    _report_authors(covered)


def _report_authors(judged: Sequence[Judged]) -> None:
    logits: dict[str, list[float]] = defaultdict(list)
    label_of: dict[str, bool] = {}
    for one in judged:
        probability = min(max(one.flag.detector.probability, 1e-6), 1 - 1e-6)
        logits[one.author].append(math.log(probability / (1 - probability)))
        label_of[one.author] = one.is_machine
    means = {author: sum(all_) / len(all_) for author, all_ in logits.items() if len(all_) >= _LEAST_POSTS}
    labels = [label_of[author] for author in means]
    right = sum((means[author] > 0) == label_of[author] for author in means)
    machines = sum(labels)
    print(
        f"  authors with {_LEAST_POSTS} posts or more: {machines} machine, {len(labels) - machines} human; "
        f"{right} of {len(labels)} right by the mean of their flags' calibrated log-odds, "
        f"AUROC {roc_auc_score(labels, list(means.values())):.3f}"
    )


if __name__ == "__main__":
    main()
