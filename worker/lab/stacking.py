"""Fits a stacked detector: what each member's word weighs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

from worker.detector.linear import tokens_in
from worker.detector.stacked import Length, Member, Stack, WeightedSum
from worker.lab.fitting import balanced_weights, fit_logistic
from worker.lab.lines import CorpusError
from worker.lab.splits import folds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.detector.protocol import Detector
    from worker.lab.corpus import Sample

_FOLDS: Final = 4
_BATCH: Final = 32
_ROUNDING: Final = 1e-9


REST: Final = "rest"


class GeneratorGroup(Struct, frozen=True, kw_only=True):
    """Generators whose texts are alike, and unlike those of others: tuned by human feedback, say.

    Attributes:
        name: for people.
        generators: as the texts name them.
    """

    name: str
    generators: tuple[str, ...]


class Combination(Struct, frozen=True, kw_only=True):
    """How the members' logits are combined.

    Attributes:
        penalty: how strongly large weights are held down; they belong to standardised logits.
        by_length: whether weights may change with the length. The length itself then gets a weight too, which
            learns how long the machines' texts are here.
        groups: groups of generators that get a weighted sum each; all other generators share one.
    """

    penalty: float = 1e-3
    by_length: bool = False
    groups: tuple[GeneratorGroup, ...] = ()

    def group_of(self, sample: Sample) -> str:
        """Name of the group that a machine's text belongs to."""
        for group in self.groups:
            if sample.generator in group.generators:
                return group.name
        return REST


class Words(NamedTuple):
    """What the members say of some texts.

    Attributes:
        logits: shape (texts, members).
        tokens: the most that a member counts, shape (texts,).
    """

    logits: NDArray[np.float64]
    tokens: NDArray[np.int64]


class Fitted(NamedTuple):
    """A combination, fitted.

    Attributes:
        stack: with all texts.
        logits: of the same texts, each from weights that were fitted without its author or document, shape
            (texts,).
    """

    stack: Stack
    logits: NDArray[np.float64]


def words_of(
    members: Sequence[Detector], texts: Sequence[str], report: Callable[[int], None] = lambda _: None
) -> Words:
    """What the members say of canonical texts.

    All members are asked about a batch before the next one: those that share a language model run it once.

    Args:
        members: the detectors.
        texts: the texts.
        report: told how many texts are done.
    """
    if not members:
        return Words(np.zeros((len(texts), 0)), np.zeros(len(texts), np.int64))
    logits: list[list[float]] = []
    tokens: list[int] = []
    for begin in range(0, len(texts), _BATCH):
        batch = texts[begin : begin + _BATCH]
        encoded = [member.encode(batch) for member in members]
        said = [member.logits(own) for member, own in zip(members, encoded, strict=True)]
        logits += map(list, zip(*said, strict=True))
        tokens += [max(one.tokens for one in own) for own in zip(*encoded, strict=True)]
        report(len(tokens))
    return Words(np.array(logits).reshape(len(texts), len(members)), np.array(tokens, dtype=np.int64))


def beside(parts: Sequence[NDArray[np.float64]], samples: Sequence[Sample], words: Words) -> Words:
    """The logits of linear members, each of shape (texts,), before those of other ones.

    Args:
        parts: the linear members'.
        samples: the texts.
        words: the other members'; there may be none.
    """
    tokens = np.array([tokens_in(len(one.text)) for one in samples], dtype=np.int64)
    return Words(np.column_stack([*parts, words.logits]), np.maximum(tokens, words.tokens))


def fit_stack(
    folders: Sequence[str],
    words: Words,
    samples: Sequence[Sample],
    combination: Combination,
    *,
    seed: int = 0,
) -> Fitted:
    """Fits the weights by penalised logistic regression, every family's humans and machines counting alike.

    Cross-fitting tells what the combination is worth: the texts of each fourth of the authors and documents
    get their logits from weights that were fitted on the other three.

    Args:
        folders: of the members inside the stack's directory.
        words: what the members say of the samples. They must not have been trained on them: a member speaks
            too surely of what it learned from, and would get too much weight.
        samples: labelled texts.
        combination: how.
        seed: of the folds.

    Raises:
        CorpusError: the samples of some folds have one label only.
    """
    fold_of = np.array(folds(samples, _FOLDS, seed))
    logits = np.zeros(len(samples))
    for fold in range(_FOLDS):
        inside = fold_of != fold
        others = [sample for sample, kept in zip(samples, inside, strict=True) if kept]
        stack = _fit(folders, _where(words, inside), others, combination)
        logits[~inside] = logits_of_stack(stack, _where(words, ~inside))
    return Fitted(_fit(folders, words, samples, combination), logits)


def logits_of_stack(stack: Stack, words: Words) -> NDArray[np.float64]:
    """What a stack makes of its members' logits, shape (texts,)."""
    rows = zip(words.logits.tolist(), words.tokens.tolist(), strict=True)
    return np.array([stack.logit(logits, tokens) for logits, tokens in rows])


def _where(words: Words, chosen: NDArray[np.bool_]) -> Words:
    return Words(words.logits[chosen], words.tokens[chosen])


def _fit(folders: Sequence[str], words: Words, samples: Sequence[Sample], combination: Combination) -> Stack:
    machine = np.array([sample.is_machine for sample in samples], dtype=bool)
    if machine.all() or not machine.any():
        raise CorpusError(
            f"a stack is fitted on {_FOLDS - 1} of {_FOLDS} parts of the authors and documents at a time, "
            f"and in some there are only texts of a {'machine' if machine.any() else 'human'}; give more "
            "texts, of more authors or documents"
        )
    weights = balanced_weights(samples)
    z, means, scales = _standardised(words.logits, weights)
    length, length_mean, length_scale = _standardised(np.log(np.maximum(words.tokens, 1))[:, None], weights)
    features = np.hstack([z, z * length, length]) if combination.by_length else z
    groups = np.array([combination.group_of(one) if one.is_machine else "" for one in samples])
    generators = {(group, one.generator) for group, one in zip(groups, samples, strict=True) if group}
    sums = []
    for name in dict.fromkeys((REST, *(group.name for group in combination.groups))):
        count = sum(group == name for group, _ in generators)
        if not count:
            continue
        taken = ~machine | (groups == name)
        coefficients, bias = fit_logistic(
            features[taken],
            machine[taken],
            _of_group([one for one, kept in zip(samples, taken, strict=True) if kept], weights[taken]),
            combination.penalty,
        )
        sums.append(_sum(coefficients.tolist(), bias, name, count / len(generators), members=len(folders)))
    members = [
        Member(folder=folder, mean=mean, scale=scale)
        for folder, mean, scale in zip(folders, means.tolist(), scales.tolist(), strict=True)
    ]
    return Stack(
        members=tuple(members),
        sums=tuple(sums),
        length=Length(mean=length_mean.item(), scale=length_scale.item()) if combination.by_length else None,
    )


def _sum(coefficients: list[float], bias: float, name: str, share: float, *, members: int) -> WeightedSum:
    return WeightedSum(
        generators=name,
        share=share,
        bias=bias,
        weights=tuple(coefficients[:members]),
        by_length=tuple(coefficients[members : 2 * members]),
        length=coefficients[-1] if len(coefficients) > members else 0.0,
    )


def _of_group(samples: Sequence[Sample], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights, with the machines of each family counting as much as its humans.

    Only some of a family's machines are of the group. Families without any keep their humans, so that what
    the group's texts have in common with other families is not taken for a machine's.
    """
    human: dict[str, float] = defaultdict(float)
    machine: dict[str, float] = defaultdict(float)
    for sample, weight in zip(samples, weights.tolist(), strict=True):
        (machine if sample.is_machine else human)[sample.family] += weight
    grown = [
        human[one.family] / machine[one.family] if one.is_machine and human[one.family] else 1.0
        for one in samples
    ]
    found: NDArray[np.float64] = weights * np.array(grown)
    return found


def _standardised(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The columns less their weighted means, over their weighted standard deviations; both of these."""
    means = weights @ values
    scales = np.sqrt(weights @ (values - means) ** 2)
    # A member that says the same of all texts tells nothing; what is left is rounding.
    scales[scales <= _ROUNDING * np.abs(means)] = 1.0
    return (values - means) / scales, means, scales
