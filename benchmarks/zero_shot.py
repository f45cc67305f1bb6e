"""What zero-shot statistics of a small language model are worth: `python -m benchmarks.zero_shot`.

Curvature, mean log-probability, mean log-rank and mean entropy under SmolLM2-135M (benchmarks/smollm2.py says
where it comes from), the default detector, and stacks of it with them, on the validation parts of labelled
texts. AUROC with 95 % intervals from draws of whole documents and authors. A stack's logits are cross-fitted
over these texts. Statistics are kept in a folder as they come, so a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.smollm2 import zero_shot_detector
from worker.detector.loading import load_detector
from worker.detector.zero_shot import STATISTICS
from worker.errors import FlagstaffError
from worker.lab.corpus import read_samples
from worker.lab.evaluation.logit_cache import CachedDetector
from worker.lab.evaluation.resampling import Resampling, drawn
from worker.lab.intervals import aurocs
from worker.lab.stacking import Combination, GeneratorGroup, Words, fit_stack, words_of
from worker.logs import configure_logs
from worker.settings import DetectorSettings, LogSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.evaluation.figures import Estimate

_DATA: Final = Path(__file__).parents[2] / "shared" / "data"
_FILES: Final = ("pairs", "snippets", "tweets")
# Of the pairs; of the other files all.
_GENERATORS: Final = ("gpt2-xl", "gpt-3.5-turbo", "gpt-4")
_SEED: Final = 0
_DRAWS: Final = 1_000
_SAY_EVERY: Final = 96
_DEFAULT: Final = "default"
_BOTH: Final = (_DEFAULT, "curvature", "mean-log-probability")
# Generators that a single weighted sum can't know together with the rest.
_GROUPS: Final = (
    GeneratorGroup(name="tuned", generators=("gpt-3.5-turbo", "gpt-4")),
    GeneratorGroup(name="bots", generators=("gpt2", "rnn", "other")),
)
_STACKS: Final[dict[str, tuple[tuple[str, ...], Combination]]] = {
    "default + curvature": ((_DEFAULT, "curvature"), Combination()),
    "default + mean-log-probability": ((_DEFAULT, "mean-log-probability"), Combination()),
    "default + both": (_BOTH, Combination()),
    "default + both, by length": (_BOTH, Combination(by_length=True)),
    "default + both, three groups": (_BOTH, Combination(groups=_GROUPS)),
    "default + all four": ((_DEFAULT, *STATISTICS), Combination()),
    "default + all four, three groups": ((_DEFAULT, *STATISTICS), Combination(groups=_GROUPS)),
}


class Group(NamedTuple):
    """Machine texts and the human texts they are held against, as places among the samples."""

    name: str
    machine: list[int]
    human: list[int]


def main() -> None:
    """Prints a table, and the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA, help="where pairs, snippets and tweets are")
    parser.add_argument("--limit", type=int, help="most texts of a generator, and of a source of human texts")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/zero-shot"), help="folder that keeps the statistics"
    )
    arguments = parser.parse_args()
    configure_logs(LogSettings(level="warning"))
    try:
        samples, groups = chosen(arguments.data, arguments.limit)
        words = scored(samples, arguments.cache)
    except FlagstaffError as error:
        sys.exit(f"benchmarks.zero_shot: {error}")
    logits = dict(zip((_DEFAULT, *STATISTICS), words.logits.T, strict=True))
    for name, (members, combination) in _STACKS.items():
        own = Words(np.stack([logits[member] for member in members], axis=1), words.tokens)
        logits[name] = fit_stack(members, own, samples, combination, seed=_SEED).logits
    show(samples, groups, logits)


def chosen(data: Path, limit: int | None) -> tuple[list[Sample], list[Group]]:
    """At most so many texts of each generator and each source of human texts, and what is compared with what.

    A pair's machine text is held against the human texts of the documents of that generator alone.

    Raises:
        FlagstaffError: a file is missing.
    """
    paths = [data / f"{name}.valid.jsonl.gz" for name in _FILES]
    if missing := [path for path in paths if not path.is_file()]:
        raise FlagstaffError(f"{missing[0]} is missing; name the folder of the labelled texts with --data")
    samples = read_samples(paths)
    Random(_SEED).shuffle(samples)  # noqa: S311 - an order of texts, no secret
    # Those of one document together, so that as few human texts as can be belong to all generators.
    order = {key: place for place, key in enumerate(dict.fromkeys(one.doc or one.text for one in samples))}
    samples.sort(key=lambda one: order[one.doc or one.text])
    places: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        if not (sample.doc and sample.is_machine and sample.generator not in _GENERATORS):
            who = sample.generator if sample.is_machine else "human"
            places[f"{sample.source}, {who}"].append(place)
    documents = {name: {samples[place].doc for place in of[:limit]} - {None} for name, of in places.items()}
    machines = {name: of[:limit] for name, of in places.items() if samples[of[0]].is_machine}
    groups = []
    for name, machine in machines.items():
        family = samples[machine[0]].family
        human = [
            place
            for source, of in places.items()
            if samples[of[0]].family == family and not samples[of[0]].is_machine
            for place in (of if documents[name] else of[:limit])
            if not documents[name] or samples[place].doc in documents[name]
        ]
        groups.append(Group(name, machine, human))
    used = sorted({place for group in groups for place in (*group.machine, *group.human)})
    new = {place: number for number, place in enumerate(used)}
    return [samples[place] for place in used], [
        Group(one.name, [new[place] for place in one.machine], [new[place] for place in one.human])
        for one in groups
    ]


def scored(samples: Sequence[Sample], cache: Path) -> Words:
    """What the default detector and the statistics say of the samples."""
    with tempfile.TemporaryDirectory() as temporary:
        detectors = [
            load_detector(DetectorSettings()),
            *(zero_shot_detector(Path(temporary) / name, name) for name in STATISTICS),
        ]
        cached = [CachedDetector(detector, cache) for detector in detectors]

        def report(done: int) -> None:
            if done % _SAY_EVERY == 0 or done == len(samples):
                print(f"{done} of {len(samples)} texts", file=sys.stderr, flush=True)

        return words_of(cached, [one.text for one in samples], report)


def area(samples: Sequence[Sample], group: Group, logits: NDArray[np.float64]) -> Estimate:
    """The AUROC of a group, with its interval."""
    texts = [samples[place] for place in (*group.human, *group.machine)]
    resampling = Resampling(
        [one.group for one in texts],
        [one.family for one in texts],
        np.array([one.is_machine for one in texts]),
        draws=_DRAWS,
        seed=_SEED,
    )
    human, machine = logits[group.human], logits[group.machine]
    count = len(human)

    def areas(times: NDArray[np.float64]) -> NDArray[np.float64]:
        return aurocs(human, machine, times[:, :count], times[:, count:])

    return drawn({"auroc": areas}, resampling)["auroc"].estimate()


def show(samples: Sequence[Sample], groups: Sequence[Group], logits: dict[str, NDArray[np.float64]]) -> None:
    """The table for people, one block a group, and one JSON object."""
    figures: list[dict[str, Any]] = []
    for group in groups:
        print(f"{group.name}: {len(group.machine)} machine and {len(group.human)} human texts")
        row: dict[str, Any] = {"texts": group.name, "machine": len(group.machine), "human": len(group.human)}
        for name, own in logits.items():
            one = area(samples, group, own)
            print(f"  {name:34} {one.value:.3f}  {one.low:.3f} to {one.high:.3f}")
            row[name] = msgspec.to_builtins(one)
        figures.append(row)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
