"""How well a detector tells machines from humans on texts it has not seen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct

from worker.lab.calibrating import auroc, length_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.detector.calibration import Calibration
    from worker.detector.protocol import Detector
    from worker.lab.calibrating import Unseen
    from worker.lab.corpus import Sample

POSTS_OF_AN_AUTHOR: Final = (1, 5, 10, 25)
_DRAWS: Final = 200
_FEWEST_POSTS: Final = 5
_BATCH: Final = 1_000


class Comparison(Struct, frozen=True, kw_only=True):
    """One generator's texts against the human texts of the same family.

    Attributes:
        family: how the texts were gathered.
        generator: who wrote the machine's; `all` for all of the family.
        machine: how many they are.
        human: how many human texts they are compared with.
        auroc: the chance that a machine's has the higher logit.
        found: share of the machine's above the threshold; null where there is no threshold.
        wrongly: share of the humans' above it.
    """

    family: str
    generator: str
    machine: int
    human: int
    auroc: float
    found: float | None
    wrongly: float | None


class LengthComparison(Struct, frozen=True, kw_only=True):
    """Texts of about one length, of all families together.

    Attributes:
        from_tokens: the fewest tokens; the most are one fewer than the next class's fewest.
        machine: how many are a machine's.
        human: how many are a human's.
        auroc: as above.
        found: as above.
        wrongly: as above.
    """

    from_tokens: int
    machine: int
    human: int
    auroc: float
    found: float
    wrongly: float


class HumanShare(Struct, frozen=True, kw_only=True):
    """The human texts of one source: a rate that holds for one need not hold for another.

    Attributes:
        source: where they come from.
        human: how many they are.
        wrongly: as above.
    """

    source: str
    human: int
    wrongly: float


class AuthorComparison(Struct, frozen=True, kw_only=True):
    """The mean logit of some posts of an author, machines against humans, each author counting alike.

    Attributes:
        posts: how many posts are averaged.
        machine: how many authors are machines.
        human: how many are not.
        auroc: as above, for the means.
    """

    posts: int
    machine: int
    human: int
    auroc: float


def logits_of(detector: Detector, texts: Sequence[str]) -> NDArray[np.float64]:
    """The logits of canonical texts, shape (texts,)."""
    logits: list[float] = []
    for begin in range(0, len(texts), _BATCH):
        logits += detector.logits(detector.encode(texts[begin : begin + _BATCH]))
    return np.array(logits)


def figures_of(
    samples: Sequence[Sample], pieces: Unseen, calibration: Calibration, *, seed: int
) -> dict[str, Any]:
    """All figures below, as `measured.json` names them.

    Args:
        samples: whole texts.
        pieces: the same, and after them pieces of them, which are what is measured by length.
        calibration: says which texts are above its threshold.
        seed: of the draws of authors' posts.
    """
    logits = pieces.logits[: len(samples)]
    above = above_threshold(pieces, calibration)
    of_samples = above[: len(samples)]
    return {
        "texts": by_generator(samples, logits, of_samples),
        "humans": by_human_source(samples, of_samples),
        "authors": by_author(samples, logits, seed),
        "lengths": by_lengths(pieces, above),
    }


def above_threshold(unseen: Unseen, calibration: Calibration) -> NDArray[np.bool_]:
    """Which texts are above a calibration's threshold, shape (texts,), whether or not it covers them."""
    pairs = zip(unseen.logits.tolist(), unseen.tokens.tolist(), strict=True)
    cut = calibration.threshold_log_odds
    return np.array([calibration.log_odds(logit, tokens) > cut for logit, tokens in pairs], dtype=bool)


def by_generator(
    samples: Sequence[Sample], logits: NDArray[np.float64], above: NDArray[np.bool_] | None = None
) -> list[Comparison]:
    """A comparison for each family and generator, those of a family together first.

    Args:
        samples: the texts.
        logits: shape (samples,).
        above: which of them are above the threshold, shape (samples,); None where there is none.
    """
    human: dict[str, list[int]] = defaultdict(list)
    machine: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        if not sample.is_machine:
            human[sample.family].append(place)
            continue
        machine[sample.family, "all"].append(place)
        # Sources of one family that differ in how the same generator was used are told apart.
        part = sample.source.partition(":")[2]
        named = " ".join(filter(None, (sample.generator or "unknown", f"({part})" if part else "")))
        machine[sample.family, named].append(place)
    return [
        Comparison(
            family=family,
            generator=generator,
            machine=len(theirs),
            human=len(human[family]),
            auroc=round(auroc(logits[human[family]], logits[theirs]), 3),
            found=None if above is None else _share(above[theirs]),
            wrongly=None if above is None else _share(above[human[family]]),
        )
        for (family, generator), theirs in sorted(machine.items())
        if human[family]
    ]


def by_author(samples: Sequence[Sample], logits: NDArray[np.float64], seed: int) -> list[AuthorComparison]:
    """How well the mean over an author's posts tells machines from humans.

    Authors with at least 5 posts take part, each with 200 random draws of so many different posts (all, where
    there are fewer). Empty where one of the labels has no author.
    """
    authors = logits_by_author(samples, logits)
    machines = sum(is_machine for _, is_machine in authors)
    if machines in {0, len(authors)}:
        return []
    random = np.random.default_rng(seed)
    compared = []
    for count in POSTS_OF_AN_AUTHOR:
        means = {who: mean_logits(theirs, count, _DRAWS, random) for who, theirs in sorted(authors.items())}
        human = np.concatenate([mean for (_, is_machine), mean in means.items() if not is_machine])
        machine = np.concatenate([mean for (_, is_machine), mean in means.items() if is_machine])
        compared.append(
            AuthorComparison(
                posts=count,
                machine=machines,
                human=len(authors) - machines,
                auroc=round(auroc(human, machine), 3),
            )
        )
    return compared


def logits_by_author(
    samples: Sequence[Sample], logits: NDArray[np.float64]
) -> dict[tuple[str, bool], NDArray[np.float64]]:
    """The logits of each author with at least 5 posts, by name and whether it is a machine."""
    posts: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for sample, logit in zip(samples, logits.tolist(), strict=True):
        if sample.author:
            posts[sample.author, sample.is_machine].append(logit)
    return {who: np.array(theirs) for who, theirs in posts.items() if len(theirs) >= _FEWEST_POSTS}


def mean_logits(
    logits: NDArray[np.float64], count: int, draws: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """The mean of so many different posts of an author (all, where there are fewer), for each random draw."""
    drawn = [random.choice(logits, min(count, len(logits)), replace=False).mean() for _ in range(draws)]
    return np.array(drawn)


def by_lengths(unseen: Unseen, above: NDArray[np.bool_]) -> list[LengthComparison]:
    """A comparison for each class of lengths that has texts of both labels.

    Args:
        unseen: the texts.
        above: which of them are above the threshold, shape (texts,).
    """
    found = []
    for low, inside in length_classes(unseen):
        machine, human = inside & unseen.machine, inside & ~unseen.machine
        if machine.any() and human.any():
            area = auroc(unseen.logits[human], unseen.logits[machine])
            found.append(
                LengthComparison(
                    from_tokens=low,
                    machine=int(machine.sum()),
                    human=int(human.sum()),
                    auroc=round(area, 3),
                    found=_share(above[machine]),
                    wrongly=_share(above[human]),
                )
            )
    return found


def by_human_source(samples: Sequence[Sample], above: NDArray[np.bool_]) -> list[HumanShare]:
    """The share above the threshold for each source of human texts; `above` has the shape (samples,)."""
    human: dict[str, list[bool]] = defaultdict(list)
    for sample, over in zip(samples, above.tolist(), strict=True):
        if not sample.is_machine:
            human[sample.source].append(over)
    return [
        HumanShare(source=source, human=len(theirs), wrongly=_share(np.array(theirs)))
        for source, theirs in sorted(human.items())
    ]


def _share(above: NDArray[np.bool_]) -> float:
    return round(float(above.mean()), 4)
