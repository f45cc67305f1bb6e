"""Ways to a linear detector that knows authors it has not seen: `python -m benchmarks.unseen_authors`.

Each way is trained on the training parts of the labelled texts and measured on the same texts, every logit
from weights that had not seen the text's author or document (four folds). AUROC with 95 % intervals from
draws of whole authors and documents, and the difference to plain character n-grams in the same draws. What
each member says is kept in a folder, so a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from worker.errors import FlagstaffError
from worker.lab.corpus import read_samples
from worker.lab.cross_fitting import pieces_of
from worker.lab.evaluation.measures import Ranking
from worker.lab.evaluation.resampling import Resampling, drawn
from worker.lab.intervals import estimate
from worker.lab.linear_parts import LinearPart, fit_part
from worker.lab.measuring import logits_by_author, mean_logits
from worker.lab.stacking import Combination, GeneratorGroup, Words, beside, fit_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.cross_fitting import Pieces

_DATA: Final = Path(__file__).parents[2] / "shared" / "data"
_FILES: Final = ("tweets", "pairs", "snippets", "gpt2-k40")
_SEED: Final = 0
_DRAWS: Final = 1_000
_POSTS: Final = (1, 5, 25)
_OF_AN_AUTHOR: Final = 200
_BASELINE: Final = "n-grams"


class Way(NamedTuple):
    """Members and how they are combined."""

    parts: tuple[LinearPart, ...]
    combination: Combination = Combination()


_PLAIN: Final = LinearPart()
_60, _150 = LinearPart(keep_words=60), LinearPart(keep_words=150)
_TUNED: Final = GeneratorGroup(name="tuned", generators=("gpt-3.5-turbo", "gpt-4"))
_BOTS: Final = GeneratorGroup(name="bots", generators=("gpt2", "rnn", "other"))
_OF_TUNED: Final = LinearPart(groups=("tuned",))
_SHIPS: Final = (_PLAIN, _60, _150, _OF_TUNED)
_SMALL: Final = GeneratorGroup(name="small", generators=("gpt2-small",))
_NEO: Final = GeneratorGroup(name="neo", generators=("gpt-neo-125M",))
_WAYS: Final[dict[str, Way]] = {
    _BASELINE: Way((_PLAIN,)),
    "60 words stay": Way((_60,)),
    "150 words stay": Way((_150,)),
    "150 words stay, up to 6 characters": Way((LinearPart(keep_words=150, longest=6),)),
    "150 words stay, penalty 3e-4": Way((LinearPart(keep_words=150, penalty=3e-4),)),
    "500 words stay": Way((LinearPart(keep_words=500),)),
    "all and 60": Way((_PLAIN, _60)),
    "all, 60, 150, tuned": Way(_SHIPS, Combination(groups=(_TUNED,))),
    # The one that ships.
    "the same, bots a group too": Way(_SHIPS, Combination(groups=(_TUNED, _BOTS))),
    "and an expert each for two more groups": Way(
        (*_SHIPS, LinearPart(groups=("small",)), LinearPart(groups=("neo",))),
        Combination(groups=(_TUNED, _BOTS, _SMALL, _NEO)),
    ),
}


class Slice(NamedTuple):
    """Machine texts and the human texts they are held against, as places among the samples."""

    name: str
    places: NDArray[np.int64]


def main() -> None:
    """Prints a table, and the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the labelled texts")
    parser.add_argument("--cache", type=Path, default=Path("build/unseen-authors"), help="keeps the logits")
    parser.add_argument("--only", action="append", help="one of the ways; may be repeated")
    parser.add_argument("--seed", type=int, default=_SEED, help="of the folds and the crops")
    arguments = parser.parse_args()
    paths = [arguments.data / f"{name}.train.jsonl.gz" for name in _FILES]
    try:
        samples = read_samples(paths)
    except FlagstaffError as error:
        sys.exit(f"benchmarks.unseen_authors: {error}")
    pieces = pieces_of(samples, crops_seed=arguments.seed, folds_seed=arguments.seed)
    wanted = arguments.only or list(_WAYS)
    logits = {
        name: _logits(way, pieces, arguments.cache)[: len(samples)]
        for name, way in _WAYS.items()
        if name in wanted or name == _BASELINE
    }
    rows = [*_by_authors(samples, logits), *(_by_texts(one, samples, logits) for one in slices(samples))]
    show(rows)


def _logits(way: Way, pieces: Pieces, cache: Path) -> NDArray[np.float64]:
    by_part = [_of_part(part, way.combination, pieces, cache) for part in way.parts]
    nothing = Words(np.zeros((len(pieces.samples), 0)), np.zeros(len(pieces.samples), np.int64))
    words = beside(by_part, pieces.samples, nothing)
    names = [part.name for part in way.parts]
    return fit_stack(names, words, pieces.samples, way.combination, seed=_SEED).logits


def _of_part(part: LinearPart, combination: Combination, pieces: Pieces, cache: Path) -> NDArray[np.float64]:
    """What a member says of the pieces, by weights that had not seen them."""
    groups = combination.groups if part.groups else ()
    told = msgspec.json.encode([part, groups, pieces.samples, pieces.fold_of.tolist()])
    kept = cache / f"{blake2b(told, digest_size=16).hexdigest()}.npy"
    if kept.exists():
        found: NDArray[np.float64] = np.load(kept)
        return found
    logits = fit_part(part, pieces, combination, lambda what: print(what, file=sys.stderr, flush=True)).logits
    cache.mkdir(parents=True, exist_ok=True)
    np.save(kept, logits)
    return logits


def slices(samples: Sequence[Sample]) -> Iterator[Slice]:
    """Each generator's texts and the human texts of the same family, where there are any."""
    machine: dict[tuple[str, str], list[int]] = defaultdict(list)
    human: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(samples):
        if one.is_machine:
            machine[one.source, one.generator or "unknown"].append(place)
            machine[one.family, "all"].append(place)
        else:
            human[one.family].append(place)
    for (source, generator), places in sorted(machine.items()):
        if theirs := human[source.partition(":")[0]]:
            yield Slice(f"{source}, {generator}", np.array([*theirs, *places]))


def _by_texts(
    one: Slice, samples: Sequence[Sample], logits: dict[str, NDArray[np.float64]]
) -> dict[str, Any]:
    texts = [samples[place] for place in one.places]
    machine = np.array([text.is_machine for text in texts])
    resampling = Resampling(
        [text.group for text in texts], [text.family for text in texts], machine, draws=_DRAWS, seed=_SEED
    )
    values = {name: own[one.places] for name, own in logits.items()}
    return {"texts": one.name, "machine": int(machine.sum()), "human": int((~machine).sum())} | _areas(
        values, machine, resampling
    )


def _by_authors(
    samples: Sequence[Sample], logits: dict[str, NDArray[np.float64]]
) -> Iterator[dict[str, Any]]:
    """The means of an author's posts; authors count alike."""
    for posts in _POSTS:
        values: dict[str, NDArray[np.float64]] = {}
        for name, own in logits.items():
            # The same draws of posts for every way.
            random = np.random.default_rng(_SEED)
            authors = sorted(logits_by_author(samples, own).items())
            values[name] = np.concatenate(
                [mean_logits(theirs, posts, _OF_AN_AUTHOR, random) for _, theirs in authors]
            )
        who = [author for author, _ in authors for _ in range(_OF_AN_AUTHOR)]
        machine = np.array([is_machine for _, is_machine in who])
        resampling = Resampling([name for name, _ in who], [""] * len(who), machine, draws=_DRAWS, seed=_SEED)
        machines = sum(is_machine for (_, is_machine), _ in authors)
        told = {"texts": f"mean of {posts} posts, authors alike", "machine": machines}
        yield told | {"human": len(authors) - machines} | _areas(values, machine, resampling)


def _areas(
    values: dict[str, NDArray[np.float64]], machine: NDArray[np.bool_], resampling: Resampling
) -> dict[str, Any]:
    found = drawn({name: Ranking(own, machine).auroc for name, own in values.items()}, resampling)
    baseline = found[_BASELINE]
    return {
        name: {
            "auroc": msgspec.to_builtins(one.estimate()),
            "gain": msgspec.to_builtins(
                estimate(float(one.value - baseline.value), one.draws - baseline.draws)
            ),
        }
        for name, one in found.items()
    }


def show(rows: Sequence[dict[str, Any]]) -> None:
    """The table for people, one block a slice, and one JSON object."""
    for row in rows:
        print(f"{row['texts']}: {row['machine']} machine, {row['human']} human")
        for name, figures in row.items():
            if isinstance(figures, dict):
                area, gain = figures["auroc"], figures["gain"]
                print(
                    f"  {name:40} {area['value']:.3f}  {area['low']:.3f} to {area['high']:.3f}"
                    f"   {gain['value']:+.3f}  {gain['low']:+.3f} to {gain['high']:+.3f}"
                )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
