"""Which texts inside its calibrated range a detector flags, as they are and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from worker.lab.calibrating import exceeded_by
from worker.lab.evaluation.resampling import Resampling
from worker.lab.evaluation.scored import score
from worker.lab.lines import CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.detector.protocol import Detector
    from worker.lab.corpus import Sample
    from worker.lab.evaluation.scored import Scored

DRAWS: Final = 1_000
# What stands for a threshold where the detector has none.
SHARE_ABOVE: Final = 0.05


class Flagging:
    """Asks a detector, and says what would be flagged: what is above the threshold and inside the range.

    Args:
        detector: what is asked.
        token_budget: most tokens at once, None for what the detector likes best.
    """

    def __init__(self, detector: Detector, token_budget: int | None) -> None:
        self.detector = detector
        self._budget = token_budget
        self._cut = np.nan

    def scored(self, samples: Sequence[Sample]) -> Scored:
        """What the detector says of the texts inside its range; of all, where it has no calibration.

        Where it has no threshold either, the logit that 5 % of these human texts exceed stands for it from
        now on.

        Raises:
            CorpusError: there is none, or the detector fails on all.
        """
        every = score(self.detector, samples, self._budget, _ignored)
        inside = every.where(self._covered(every))
        human = inside.logits[~inside.machine]
        if not len(human):
            raise CorpusError(
                "no human text is inside the detector's calibrated range (see its lengths and languages)"
            )
        self._cut = exceeded_by(human, SHARE_ABOVE)
        return inside

    def flagged(self, scored: Scored) -> NDArray[np.bool_]:
        """Whether each text is flagged, shape (texts,)."""
        above = scored.logits > self._cut if scored.above is None else scored.above
        return above & self._covered(scored)

    def changed(self, scored: Scored, texts: Sequence[str]) -> Changed:
        """What the detector says of changed texts, those outside its range too.

        Args:
            scored: the texts as they are.
            texts: the same texts, changed or not, in order. Those that are not are not scored again; those
                that are empty now, or that the detector fails on, count as not changed.
        """
        where = np.array(
            [at for at, one in enumerate(scored.samples) if texts[at] and texts[at] != one.text],
            dtype=np.int64,
        )
        flagged = self.flagged(scored)
        logits, after = scored.logits.copy(), flagged.copy()
        if not len(where):
            return Changed(where, logits, after)
        samples = [replace(scored.samples[at], text=texts[at]) for at in where]
        again = score(self.detector, samples, self._budget, _ignored)
        answered = {id(one) for one in again.samples}
        where = where[[id(one) in answered for one in samples]]
        logits[where], after[where] = again.logits, self.flagged(again)
        return Changed(where, logits, after)

    def _covered(self, scored: Scored) -> NDArray[np.bool_]:
        return scored.covered if self.detector.calibration.fitted else np.ones(len(scored.samples), bool)


class Changed(NamedTuple):
    """What a detector says of texts that were changed.

    Attributes:
        where: which were, shape (changed,).
        logits: of all texts, shape (texts,).
        flagged: whether each is flagged, shape (texts,).
    """

    where: NDArray[np.int64]
    logits: NDArray[np.float64]
    flagged: NDArray[np.bool_]


def drawn(scored: Scored, seed: int) -> NDArray[np.float64]:
    """How often each text is in each bootstrap draw of authors and documents, shape (1000, texts).

    Where a text has neither, it is drawn by itself.
    """
    samples = scored.samples
    resampling = Resampling(
        [one.group for one in samples],
        [one.family for one in samples],
        scored.machine,
        draws=DRAWS,
        seed=seed,
    )
    return np.concatenate(list(resampling))


def _ignored(done: int) -> None:
    del done
