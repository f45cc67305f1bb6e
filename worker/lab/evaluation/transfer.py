"""The transfer matrix: detectors that learned from one generator or sampling method, tested on the others."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from worker.detector.ngrams import NgramSpec
from worker.lab.evaluation.measures import Ranking
from worker.lab.evaluation.report import TransferCell, TransferRow
from worker.lab.evaluation.resampling import Resampling, drawn, seed_for
from worker.lab.evaluation.selection import NOT_STATED
from worker.lab.lines import CorpusError
from worker.lab.measuring import logits_of
from worker.lab.splits import hold_out
from worker.lab.training import Recipe, fit_uncalibrated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.detector.protocol import Detector
    from worker.lab.corpus import Sample

By = Literal["generator", "sampling"]
Trainer: TypeAlias = "Callable[[Sequence[Sample]], Detector]"

HELD_OUT: Final = 0.3
AS_MANY: Final = "a mix, as many texts"
ALL: Final = "all mixed"
OTHERS: Final = "all but the one tested"
_FEWEST: Final = 20
_FEWEST_COLUMNS: Final = 2


class Plan(NamedTuple):
    """How a matrix is made.

    Attributes:
        by: what rows and columns are.
        among: which of them, in this order; empty: all, by name.
        draws: of each bootstrap.
        seed: of the split, the mix and the draws.
        generator: whose texts alone take part, so that sampling methods differ in nothing else; None: all.
    """

    by: By
    among: tuple[str, ...]
    draws: int
    seed: int
    generator: str | None = None


class Matrix(NamedTuple):
    """A matrix of AUROCs.

    Attributes:
        columns: what was tested on.
        rows: how it was trained.
        passed_over: those with too few texts.
    """

    columns: tuple[str, ...]
    rows: tuple[TransferRow, ...]
    passed_over: tuple[str, ...]


class _Side(NamedTuple):
    """Texts of one column: its machine texts, and the human texts of their families."""

    human: list[Sample]
    machine: list[Sample]

    @property
    def enough(self) -> bool:
        return min(len(self.human), len(self.machine)) >= _FEWEST


class _Column(NamedTuple):
    name: str
    train: _Side
    test: _Side


def transfer(samples: Sequence[Sample], plan: Plan, train: Trainer, report: Callable[[str], None]) -> Matrix:
    """Trains a detector for each generator or sampling method, and tests each on all.

    Three tenths of the documents and authors are held out and only tested on. A machine's texts stand against
    the human texts of their documents, else, where no human text has one of them, of their family: a
    detector would learn what the documents are about where one machine wrote of other things than the next.
    Below the rows of single ones: a mix with as many machine texts as one has on average; all; all but those
    of the column.

    Args:
        samples: the texts.
        plan: how.
        train: makes a detector from texts of both labels.
        report: told what is being done.

    Raises:
        CorpusError: one that was asked for has too few texts, or fewer than two have enough.
    """
    if plan.generator is not None:
        samples = [one for one in samples if not one.is_machine or one.generator == plan.generator]
    columns, passed_over = _columns(samples, plan)
    texts = [one for column in columns for one in (*column.test.human, *column.test.machine)]
    test = list({sample.text: sample for sample in texts}.values())

    def row(name: str, sides: Sequence[_Side]) -> TransferRow:
        """One side to learn from for all columns, or one for each."""
        cells: list[TransferCell] = []
        for position, side in enumerate(sides):
            report(f"transfer: {name}, {position + 1} of {len(sides)}, {len(side.machine)} machine texts")
            detector = train([*side.human, *side.machine])
            tested = columns if len(sides) == 1 else columns[position : position + 1]
            cells += _tested(detector, test, tested, plan)
        return TransferRow(
            trained_on=name,
            human=round(sum(len(side.human) for side in sides) / len(sides)),
            machine=round(sum(len(side.machine) for side in sides) / len(sides)),
            cells=tuple(cells),
        )

    rows = [row(column.name, [column.train]) for column in columns]
    rows.append(row(AS_MANY, [_as_many(columns, plan.seed)]))
    rows.append(row(ALL, [_mixed(columns)]))
    rows.append(row(OTHERS, [_mixed([one for one in columns if one is not column]) for column in columns]))
    return Matrix(tuple(column.name for column in columns), tuple(rows), passed_over)


def linear_trainer(seed: int) -> Trainer:
    """Trains linear detectors by `flagstaff train`'s recipe, uncalibrated; the seed is the crops'."""
    recipe = Recipe(name="transfer", ngrams=NgramSpec(), hold_out=0.0, seed=seed)
    return lambda samples: fit_uncalibrated(samples, recipe)


def _columns(samples: Sequence[Sample], plan: Plan) -> tuple[list[_Column], tuple[str, ...]]:
    train, test = hold_out(samples, HELD_OUT, plan.seed)
    stated = {_value(sample, plan.by) for sample in samples if sample.is_machine} - {NOT_STATED}
    for name in plan.among:
        if name not in stated:
            raise CorpusError(
                f"evaluate: no machine text has the {plan.by} {name!r}; there are "
                f"{', '.join(sorted(stated)) or 'none'}"
            )
    columns = []
    passed_over = []
    for name in plan.among or sorted(stated):
        column = _Column(name, _side(train, name, plan.by), _side(test, name, plan.by))
        if column.train.enough and column.test.enough:
            columns.append(column)
        elif plan.among:
            raise CorpusError(
                f"evaluate: the {plan.by} {name!r} has too few texts: to train takes {_FEWEST} of machines "
                f"and {_FEWEST} of humans of the same family, and so does the test on {HELD_OUT:.0%} of them"
            )
        else:
            passed_over.append(name)
    if len(columns) < _FEWEST_COLUMNS:
        raise CorpusError(
            f"evaluate: a transfer matrix takes two, and {len(columns)} {plan.by} has {_FEWEST} machine "
            f"texts and {_FEWEST} human texts of the same family on both sides of the split"
        )
    return columns, tuple(passed_over)


def _side(samples: Sequence[Sample], name: str, by: By) -> _Side:
    machine = [one for one in samples if one.is_machine and _value(one, by) == name]
    families = {one.family for one in machine}
    human = [one for one in samples if not one.is_machine and one.family in families]
    documents = {one.doc for one in machine if one.doc}
    beside = [one for one in human if one.doc in documents]
    return _Side(beside or human, machine)


def _value(sample: Sample, by: By) -> str:
    return (sample.generator if by == "generator" else sample.sampling) or NOT_STATED


def _mixed(columns: Sequence[_Column]) -> _Side:
    human = {one.text: one for column in columns for one in column.train.human}
    return _Side(list(human.values()), [one for column in columns for one in column.train.machine])


def _as_many(columns: Sequence[_Column], seed: int) -> _Side:
    """An equal share of each, together as many as one of them has on average."""
    random = Random(seed)  # noqa: S311 - it chooses texts, it guards nothing
    total = sum(len(column.train.machine) for column in columns) / len(columns)
    share = round(total / len(columns))
    chosen: list[Sample] = []
    for column in columns:
        theirs = column.train.machine
        chosen += random.sample(theirs, min(share, len(theirs)))
    return _Side(_mixed(columns).human, chosen)


def _tested(
    detector: Detector, test: Sequence[Sample], columns: Sequence[_Column], plan: Plan
) -> list[TransferCell]:
    logit_of = dict(
        zip(
            [sample.text for sample in test],
            logits_of(detector, [sample.text for sample in test]).tolist(),
            strict=True,
        )
    )
    cells = []
    for column in columns:
        samples = [*column.test.human, *column.test.machine]
        machine = np.array([sample.is_machine for sample in samples])
        ranking = Ranking(np.array([logit_of[sample.text] for sample in samples]), machine)
        resampling = Resampling(
            [sample.group for sample in samples],
            [sample.family for sample in samples],
            machine,
            draws=plan.draws,
            seed=seed_for(plan.seed, f"transfer\0{column.name}"),
        )
        auroc = drawn({"auroc": ranking.auroc}, resampling)["auroc"].estimate()
        cells.append(
            TransferCell(human=len(column.test.human), machine=len(column.test.machine), auroc=auroc)
        )
    return cells
