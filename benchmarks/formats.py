"""What a number format changes of a trained detector's decisions: `python -m benchmarks.formats`.

MiniLM-L6 is fine-tuned on labelled texts (benchmarks/minilm.py says where its weights come from). One half of
other texts gives it a calibration in float32: Platt scaling and a threshold that 1 % of the human texts
exceed. On the other half each format is then held against float32: the default policy's actions on the
detector's word alone, the logits, the AUROC. The last column is the same with a calibration that was made in
that format, on the same texts. Where bfloat16 is only emulated it runs on fewer texts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
import torch
from msgspec import Struct

from benchmarks.minilm import LABELS, drawn, fine_tune, pretrained_folder
from worker.detector.calibration import Calibration, NumberFormat
from worker.detector.checkpoint import Manifest
from worker.detector.format_shift import FormatShift
from worker.detector.number_format import native_format
from worker.errors import FlagstaffError
from worker.lab.calibrating import (
    Unseen,
    auroc,
    false_positive_bound,
    platt,
    threshold_logit,
    threshold_probability,
    upper_bound,
)
from worker.lab.corpus import read_samples
from worker.lab.fitting import balanced_weights
from worker.lab.format_comparison import decisions, format_shift, scores_in
from worker.lab.splits import hold_out
from worker.logs import configure_logs
from worker.policy import load_policy
from worker.settings import DetectorSettings, LogSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.lab.corpus import Sample
    from worker.policy import Policy

_DATA: Final = Path(__file__).parents[2] / "shared" / "data"
_FILES: Final = ("pairs", "snippets")
_SEED: Final = 0
_FALSE_POSITIVES: Final = 0.01
_BATCH: Final = 200
_OTHERS: Final[tuple[NumberFormat, ...]] = ("bfloat16", "int8")


class Half(NamedTuple):
    """Texts, and what the detector gives for them in float32."""

    samples: list[Sample]
    own: Unseen

    def first(self, count: int) -> Half:
        """The first so many."""
        own = Unseen(
            logits=self.own.logits[:count],
            machine=self.own.machine[:count],
            families=self.own.families[:count],
            tokens=self.own.tokens[:count],
            weights=self.own.weights[:count],
        )
        return Half(self.samples[:count], own)


class Row(Struct, frozen=True):
    """A format against float32.

    Attributes:
        shift: under the calibration of float32.
        changed_at_most: upper bound of the share of changed decisions, at 95 % confidence.
        own_calibration: share of changed decisions where each format has its own calibration.
        auroc: in this format.
        auroc_float32: of the same texts in float32.
    """

    shift: FormatShift
    changed_at_most: float
    own_calibration: float
    auroc: float
    auroc_float32: float


class Measurement:
    """Scores, calibrates and compares one fine-tuned model.

    Args:
        folder: its directory.
        policy: what decides.
    """

    def __init__(self, folder: Path, policy: Policy) -> None:
        self._folder = folder
        self._policy = policy
        self._manifest = Manifest(format=1, kind="transformers", name="minilm", labels=LABELS)
        self._settings = DetectorSettings(device="cpu")

    def scored(self, samples: Sequence[Sample], number_format: NumberFormat) -> Unseen:
        """The samples with their logits."""
        report(f"scoring {len(samples)} texts in {number_format}")
        texts = [one.text for one in samples]
        batches = (texts[begin : begin + _BATCH] for begin in range(0, len(texts), _BATCH))
        scores = scores_in(number_format, self._folder, self._manifest, self._settings, batches)
        return Unseen(
            logits=np.array(scores.logits, dtype=np.float64),
            machine=np.array([one.is_machine for one in samples]),
            families=np.array([one.family for one in samples]),
            tokens=np.array(scores.tokens),
            weights=balanced_weights(samples),
        )

    def row(self, number_format: NumberFormat, tuning: Half, measured: Half) -> Row:
        """A format against float32."""
        tuned, found = (self.scored(half.samples, number_format) for half in (tuning, measured))
        calibration = calibrated(tuning.own, measured.own, "float32")
        own_logits, logits = measured.own.logits.tolist(), found.logits.tolist()
        lengths = measured.own.tokens.tolist()
        shift = format_shift(
            number_format,
            logits,
            own=own_logits,
            tokens=lengths,
            calibration=calibration,
            policy=self._policy,
            device=self._settings.device,
        )
        before = decisions(own_logits, lengths, calibration, self._policy)
        after = decisions(logits, lengths, calibrated(tuned, found, number_format), self._policy)
        return Row(
            shift,
            upper_bound(round(shift.changed * shift.texts), shift.texts),
            sum(one != other for one, other in zip(before, after, strict=True)) / shift.texts,
            area(found),
            area(measured.own),
        )


def main() -> None:
    """Prints a table, and the same as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA, help="where pairs and snippets are")
    parser.add_argument("--train-texts", type=int, default=3_200, help="how many are learned from, each once")
    parser.add_argument("--emulated-texts", type=int, default=1_000, help="most in an emulated format")
    parser.add_argument(
        "--model", type=Path, help="directory of the fine-tuned model: trained if it is not there, and kept"
    )
    arguments = parser.parse_args()
    configure_logs(LogSettings(level="warning"))
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder: Path = arguments.model or Path(temporary) / "minilm"
            if not folder.exists():
                train(folder, arguments.data, arguments.train_texts)
            measure(folder, arguments.data, arguments.emulated_texts)
    except FlagstaffError as error:
        sys.exit(f"benchmarks.formats: {error}")


def train(folder: Path, data: Path, count: int) -> None:
    """Fine-tunes MiniLM-L6 on the training parts."""
    source = pretrained_folder()
    samples = drawn(read_samples(parts(data, "train")), count, _SEED)
    report(f"training on {len(samples)} texts")
    fine_tune(source, folder, samples, _SEED, report)


def measure(folder: Path, data: Path, emulated_texts: int) -> None:
    """Calibrates on a half of the validation parts, and measures on the other."""
    samples = read_samples(parts(data, "valid"))
    Random(_SEED).shuffle(samples)  # noqa: S311 - an order of texts, no secret
    halves = hold_out(samples, 0.5, _SEED)
    measurement = Measurement(folder, load_policy())
    tuning, measured = (Half(half, measurement.scored(half, "float32")) for half in halves)
    emulated = native_format(torch.device("cpu")) != "bfloat16"
    rows: dict[NumberFormat, Row] = {}
    for one in _OTHERS:
        most = emulated_texts if emulated and one == "bfloat16" else len(samples)
        rows[one] = measurement.row(one, tuning.first(most), measured.first(most))
    show(rows, tuning, measured)
    if emulated:
        print(
            f"bfloat16 is emulated on this machine, and was measured on {emulated_texts} texts of each half"
        )
    figures = {
        "texts": len(measured.samples),
        "auroc": area(measured.own),
        "calibration": msgspec.to_builtins(calibrated(tuning.own, measured.own, "float32")),
        "formats": msgspec.to_builtins(rows),
    }
    print(json.dumps(figures))


def calibrated(tuning: Unseen, measured: Unseen, number_format: NumberFormat) -> Calibration:
    """Platt scaling and threshold from one half of the texts, the bound on false positives from the other."""
    slope, intercept = platt(tuning)
    cut = threshold_logit(tuning, _FALSE_POSITIVES)
    return Calibration(
        fitted=True,
        slope=slope,
        intercept=intercept,
        languages=("en",),
        threshold=threshold_probability(cut, slope, intercept),
        false_positive_bound=false_positive_bound(measured, cut),
        number_format=number_format,
    )


def area(unseen: Unseen) -> float:
    """The AUROC."""
    return auroc(unseen.logits[~unseen.machine], unseen.logits[unseen.machine])


def parts(data: Path, part: str) -> list[Path]:
    """The files of one part.

    Raises:
        FlagstaffError: one is missing.
    """
    paths = [data / f"{name}.{part}.jsonl.gz" for name in _FILES]
    if missing := [path for path in paths if not path.is_file()]:
        raise FlagstaffError(f"{missing[0]} is missing; name the folder of the labelled texts with --data")
    return paths


def show(rows: dict[NumberFormat, Row], tuning: Half, measured: Half) -> None:
    """The table for people."""
    print(f"calibrated on {len(tuning.samples)} texts, measured on {len(measured.samples)} others")
    print(
        f"{'format':9} {'texts':>6} {'changed':>9} {'at most':>9} {'worst':>8} {'mean':>8} {'AUROC':>8} "
        f"{'float32':>8} {'changed, own calibration':>25}"
    )
    for name, row in rows.items():
        shift = row.shift
        print(
            f"{name:9} {shift.texts:6} {shift.changed:9.3%} {row.changed_at_most:9.3%} {shift.worst:8.4f} "
            f"{shift.mean:8.4f} {row.auroc:8.5f} {row.auroc_float32:8.5f} {row.own_calibration:25.3%}"
        )


def report(said: str) -> None:
    """A line on standard error."""
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
