"""From trained detectors to a stack of them: fitted, calibrated, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct, field

from worker.detector.calibration import Calibration, NumberFormat
from worker.detector.checkpoint import Manifest
from worker.errors import DetectorError
from worker.lab.calibrating import Unseen, joined
from worker.lab.calibration.calibrate import made
from worker.lab.calibration.of_training import training_request
from worker.lab.corpus import counts_by_source
from worker.lab.cross_fitting import pieces_of
from worker.lab.evaluation.learned import Learned
from worker.lab.fitting import balanced_weights
from worker.lab.linear_parts import FittedPart, LinearPart, fit_part
from worker.lab.lines import CorpusError
from worker.lab.measuring import figures_of
from worker.lab.splits import hold_out
from worker.lab.stack_members import load_member, named_members, unseen_by_members
from worker.lab.stacking import Combination, Words, beside, fit_stack, logits_of_stack, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.detector.protocol import Detector
    from worker.detector.stacked import Stack
    from worker.lab.corpus import Sample


# What a member held out has small numbers by its seed, and that is what is left to a stack: by the same seed
# it would all fall on one side of the split and into one fold. Stated seeds are smaller than these.
_SPLIT: Final = 2**32
_FOLDS: Final = 2**33


class StackRecipe(Struct, frozen=True, kw_only=True):
    """How a stacked detector is made.

    Attributes:
        name: a short name for people.
        parts: linear members that are trained on the same texts.
        combination: how the members' logits are combined.
        hold_out: share of authors, documents and other texts that is only measured on.
        false_positives: share of human texts that may exceed the threshold.
        languages: of the texts.
        number_format: what the members are run in; a linear one has its own.
        seed: of the split and the folds.
    """

    name: str
    parts: tuple[LinearPart, ...] = ()
    combination: Combination = field(default_factory=Combination)
    hold_out: float = 0.2
    false_positives: float = 0.01
    languages: tuple[str, ...] = ("en",)
    number_format: NumberFormat = "float32"
    seed: int = 0


class TrainedStack(NamedTuple):
    """A stacked detector that is not written yet.

    Attributes:
        manifest: what goes into its `detector.json`.
        parts: the members that were trained with it, by their names in the manifest.
        members: directory of each other member, by its name in the manifest.
        measured: figures, by what they were measured on.
        held: the texts that took part in nothing but the figures and the bound.
    """

    manifest: Manifest
    parts: dict[str, FittedPart]
    members: dict[str, Path]
    measured: dict[str, Any]
    held: list[Sample]


def train_stacked(
    samples: Sequence[Sample],
    further: Sequence[Sample],
    folders: Sequence[Path],
    recipe: StackRecipe,
    report: Callable[[str], None],
) -> TrainedStack:
    """Fits on what is not held out, calibrates, and measures on what is, and on further texts.

    The calibration comes from cross-fitted logits; the bound on false positives is counted with the final
    weights, on human texts that took part in nothing: held-out ones, and further ones of other authors. What
    a member's provenance says it learned from is left out. Where it says nothing that can be held against
    these texts, that is reported, and they are taken.

    A part learns from the same texts, and its word on a text is that of weights which had not seen its author
    or document. Beside parts a crop of each longer text is fitted on too.

    Args:
        samples: the texts to fit on.
        further: more texts to measure on; those of a document that is fitted on are left out.
        folders: the members' directories, each with a `detector.json`.
        recipe: how.
        report: told what is being done.

    Raises:
        CorpusError: too few texts, or none that the members tell apart.
        DetectorError: there is no member, or one can't be loaded.
        SettingsError: a member does not run in the recipe's number format.
    """
    members = named_members(folders, taken=_part_names(recipe))
    fresh = unseen_by_members(samples, members, report)
    detectors = [load_member(folder, recipe.number_format) for folder in members.values()]
    # Parts learn from what is kept here alone, so the split can be the one that every training makes.
    kept, held = hold_out(fresh, recipe.hold_out, (_SPLIT if folders else 0) + recipe.seed)
    for some, purpose in ((kept, "to fit the weights on"), (held, "held out")):
        if len({one.is_machine for one in some}) < 2:  # noqa: PLR2004 - human and machine
            raise CorpusError(f"there are no texts of both a human and a machine {purpose}; give more texts")
    learned = Learned(
        authors=frozenset(one.author for one in kept if one.author),
        documents=frozenset(one.doc for one in kept if one.doc),
        texts=frozenset(one.text for one in kept),
    )
    others = [one for one in further if not learned.has(one)]
    pieces = pieces_of(kept, crops_seed=recipe.seed, folds_seed=recipe.seed)
    parts = {part.name: fit_part(part, pieces, recipe.combination, report) for part in recipe.parts}
    fitted_on = pieces.samples if parts else kept
    report(f"asking {len(detectors)} members about {len(fitted_on)} texts to fit on")
    words = words_of(detectors, [one.text for one in fitted_on])
    if parts:
        words = beside([part.logits for part in parts.values()], fitted_on, words)
    fitted = fit_stack([*parts, *members], words, fitted_on, recipe.combination, seed=_FOLDS + recipe.seed)
    everyone = [*(part.detector for part in parts.values()), *detectors]
    report(f"asking {len(everyone)} members about {len(held) + len(others)} further texts")
    heard = [_heard(group, everyone, fitted.stack) for group in (held, others)]
    own = _unseen(fitted_on, fitted.logits, words)
    strange = np.array([True] * len(held) + [one.author not in learned.authors for one in others])
    request = training_request(
        recipe.false_positives, recipe.languages, recipe.number_format if detectors else None, report
    )
    calibration = made(own, joined(heard).where(strange), Calibration(), request).calibration
    groups = {"held out": (held, heard[0])} | ({"further": (others, heard[1])} if others else {})
    measured = {
        name: figures_of(group, unseen, calibration, seed=recipe.seed)
        for name, (group, unseen) in (groups | {"learned from, cross-fitted": (kept, own)}).items()
    }
    manifest = Manifest(
        format=1,
        kind="stacked",
        name=recipe.name,
        labels=("human", "machine"),
        calibration=calibration,
        stacked=fitted.stack,
        provenance={
            "recipe": msgspec.to_builtins(recipe),
            "members": {
                name: {"name": one.name, "digest": one.digest}
                for name, one in zip([*parts, *members], everyone, strict=True)
            },
            "learned_from": counts_by_source(kept),
            "held_out": counts_by_source(held),
        },
    )
    return TrainedStack(manifest, parts, members, measured, held)


def _part_names(recipe: StackRecipe) -> list[str]:
    names = [part.name for part in recipe.parts]
    for name in names:
        if names.count(name) > 1:
            raise DetectorError(f"detector: the linear member {name} is asked for twice; leave one out")
    return names


def _heard(samples: Sequence[Sample], members: Sequence[Detector], stack: Stack) -> Unseen:
    words = words_of(members, [one.text for one in samples])
    return _unseen(samples, logits_of_stack(stack, words), words)


def _unseen(samples: Sequence[Sample], logits: NDArray[np.float64], words: Words) -> Unseen:
    return Unseen(
        logits=logits,
        machine=np.array([one.is_machine for one in samples], dtype=bool),
        families=np.array([one.family for one in samples], dtype=np.str_),
        tokens=words.tokens,
        weights=balanced_weights(samples),
    )
