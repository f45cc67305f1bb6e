"""Linear detectors in directories, small and told apart by their bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest, write_linear
from worker.detector.linear import LinearModel
from worker.detector.loading import load_detector
from worker.detector.ngrams import NgramSpec
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.protocol import Detector

_CALIBRATION = Calibration(fitted=True, languages=("en",), threshold=0.9, false_positive_bound=0.01)


def linear_checkpoint(folder: Path, bias: float = 0.0, scale: float = 1e-4) -> Detector:
    """Writes one, and returns it as loaded from there."""
    ngrams = NgramSpec(bits=8)
    weights = np.random.default_rng(5).integers(-1000, 1000, ngrams.buckets, np.int16)
    manifest = Manifest(
        format=1,
        kind="linear",
        name=folder.name,
        labels=("human", "machine"),
        linear=LinearModel(ngrams=ngrams, scale=scale, bias=bias),
        calibration=_CALIBRATION,
    )
    write_linear(folder, manifest, weights)
    return load_detector(DetectorSettings(model=str(folder)))


def turn_over(link: Path, target: Path) -> None:
    """Makes a symbolic link lead elsewhere, in one step."""
    new = link.with_suffix(".new")
    new.symlink_to(target)
    new.replace(link)
