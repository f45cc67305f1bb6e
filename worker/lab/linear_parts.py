"""Linear members of a stack that are trained together with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest, write_linear
from worker.detector.linear import LinearDetector, LinearModel
from worker.detector.ngrams import NgramSpec
from worker.lab.cross_fitting import cross_fit
from worker.lab.fitting import frequent_words, quantised
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.lab.corpus import Sample
    from worker.lab.cross_fitting import Pieces
    from worker.lab.stacking import Combination


class LinearPart(Struct, frozen=True, kw_only=True):
    """What one linear member looks at, and what it learns.

    Attributes:
        keep_words: all words but so many are hidden; None hides none (worker/detector/distortion.py).
        groups: the groups of generators whose texts it learns; none: all texts.
        longest: characters of the longest n-gram.
        penalty: how strongly large weights are held down.
    """

    keep_words: int | None = None
    groups: tuple[str, ...] = ()
    longest: int = 4
    penalty: float = 3e-5

    @property
    def name(self) -> str:
        """Of its directory in the stack."""
        words = "all-words" if self.keep_words is None else f"{self.keep_words}-words"
        return "-".join((*self.groups, words))


class FittedPart(NamedTuple):
    """A trained linear member.

    Attributes:
        detector: what it says of texts that it has not learned from.
        manifest: what goes into its `detector.json`.
        weights: shape (buckets,).
        logits: of the pieces, from weights that had not seen their author or document, shape (samples,).
    """

    detector: LinearDetector
    manifest: Manifest
    weights: NDArray[np.int16]
    logits: NDArray[np.float64]

    def write(self, directory: Path) -> None:
        """Writes the member into a directory of its own.

        Raises:
            DetectorError: it can't be written to.
        """
        write_linear(directory, self.manifest, self.weights)


def fit_part(
    part: LinearPart, pieces: Pieces, combination: Combination, report: Callable[[str], None]
) -> FittedPart:
    """Trains one member on its group's texts and the humans of the families where they are found.

    Args:
        part: which.
        pieces: texts and crops of them.
        combination: what groups there are.
        report: told what is being done.

    Raises:
        CorpusError: there is no text of its groups, or too few of either label.
    """
    chosen = _chosen(part, pieces.samples, combination)
    report(f"{part.name}: {int(chosen.sum())} of {len(pieces.samples)} texts and crops to learn from")
    spec = NgramSpec(longest=part.longest)
    if part.keep_words is not None:
        whole = pieces.samples[: pieces.texts]
        spec = msgspec.structs.replace(spec, kept_words=frequent_words(whole, part.keep_words))
    fit = cross_fit(pieces, chosen, spec, part.penalty, report)
    weights, scale = quantised(fit.coefficients)
    model = LinearModel(ngrams=spec, scale=scale, bias=fit.bias)
    manifest = Manifest(
        format=1,
        kind="linear",
        name=part.name,
        labels=("human", "machine"),
        linear=model,
        provenance={"part": msgspec.to_builtins(part)},
    )
    detector = LinearDetector(part.name, model, weights, Calibration())
    return FittedPart(detector, manifest, weights, fit.logits)


def _chosen(part: LinearPart, samples: Sequence[Sample], combination: Combination) -> NDArray[np.bool_]:
    if not part.groups:
        return np.ones(len(samples), bool)
    own = [one.is_machine and combination.group_of(one) in part.groups for one in samples]
    families = {one.family for one, is_own in zip(samples, own, strict=True) if is_own}
    human = [not one.is_machine and one.family in families for one in samples]
    if not any(own):
        groups = " or ".join(part.groups)
        raise CorpusError(f"the member {part.name} can't be trained: no text is by a generator of {groups}")
    chosen: NDArray[np.bool_] = np.array(own) | np.array(human)
    return chosen
