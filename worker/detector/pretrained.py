"""From a transformers directory to a detector, or one line about what is wrong with it."""

from __future__ import annotations

import warnings
from hashlib import blake2b, file_digest
from importlib.metadata import version
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from worker.detector.calibration import Calibration
from worker.detector.checkpoint import TOKENIZER_FILES, VOCABULARY_FILES
from worker.detector.device import device_of, platform_of
from worker.detector.labels import label_order
from worker.detector.number_format import calibrated_format, chosen_format, torch_format
from worker.detector.running import GPU_TOKENS, first_position_of, fitting_runner
from worker.detector.transformer import TransformerDetector
from worker.detector.weights import share_weights, weight_files
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.detector.calibration import NumberFormat
    from worker.detector.checkpoint import Manifest
    from worker.settings import DetectorSettings

log = structlog.get_logger(__name__)

_PACKAGES: Final = ("torch", "transformers", "tokenizers")
# A tokenizer that states no length states an enormous one instead.
_NO_LENGTH: Final = 1_000_000
# Attention costs the square of a text's length; longer windows are cut to this.
_MOST_TOKENS: Final = 4096


def load_transformer(
    folder: Path, manifest: Manifest | None, settings: DetectorSettings, *, name: str
) -> TransformerDetector:
    """The detector of a directory that transformers' `save_pretrained` wrote.

    Nothing is fetched and no code of the directory is run. Weights are safetensors, or a `.bin` that holds
    tensors alone.

    Args:
        folder: the directory.
        manifest: its `detector.json`, or None.
        settings: device, number format, token budget and windows.
        name: a short name for people, where the manifest states none.

    Raises:
        SettingsError: the device is not there, or the number format is not offered or changes too much.
        DetectorError: the directory's content can't be used.
    """
    device = device_of(settings.device)
    calibration = manifest.calibration if manifest is not None else Calibration()
    number_format = chosen_format(
        settings.dtype, device, calibration, manifest.formats if manifest is not None else {}
    )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings(action="ignore"):
        config = read_part(
            folder, "config.json", lambda: AutoConfig.from_pretrained(folder, local_files_only=True)
        )
        labels = label_order(folder, config.id2label, manifest.labels if manifest is not None else None)
        tokenizer = read_tokenizer(folder)
        model = _model(folder, torch_format(number_format)).eval().to(device)
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise DetectorError(
            f"detector: {folder}: its tokenizer knows {len(tokenizer)} tokens, its model {rows}; they do "
            "not belong together"
        )
    if device.type == "cpu":
        share_weights(folder, model)
    max_tokens = longest_window(tokenizer, model)
    token_budget = settings.token_budget or GPU_TOKENS
    if device.type == "cuda" and max_tokens > token_budget:
        raise SettingsError(
            f"settings: detector.token_budget {token_budget} is less than one text of this model, "
            f"{max_tokens} tokens; raise it"
        )
    try:
        fitted = fitting_runner(
            model, number_format=number_format, most_tokens=max_tokens, token_budget=token_budget
        )
    except torch.OutOfMemoryError:
        raise DetectorError(
            f"detector: {folder}: {device} has no memory for runs of {token_budget} tokens beside the model; "
            "lower detector.token_budget, or take fewer PROCESSES"
        ) from None
    detector_name = manifest.name if manifest is not None else name
    platform = platform_of(device, number_format)
    _tell_elsewhere(manifest, number_format, " ".join(platform))
    log.info("detector_loaded", detector=detector_name, number_format=number_format, runs=fitted.way)
    for reason in fitted.refused:
        log.info("runs_slower", detector=detector_name, reason=reason)
    preparation = manifest.preparation if manifest is not None else "plain"
    depends = [
        *labels, number_format, fitted.way, f"windows {settings.max_windows} of {max_tokens}", *platform,
        *(f"{package} {version(package)}" for package in _PACKAGES),
        *([] if preparation == "plain" else [preparation]),
    ]  # fmt: skip
    return TransformerDetector(
        detector_name,
        _digest(folder, depends, calibration),
        calibration,
        tokenizer=tokenizer,
        runner=fitted.runner,
        machine=labels.index("machine"),
        max_tokens=max_tokens,
        max_windows=settings.max_windows,
        preparation=preparation,
    )


def _tell_elsewhere(manifest: Manifest | None, number_format: NumberFormat, platform: str) -> None:
    """Logs that what the format changes was measured on another kind of machine, where it was."""
    if manifest is None or number_format == calibrated_format(manifest.calibration):
        return
    shift = manifest.formats.get(number_format)
    if manifest.calibration.fitted and shift is not None and shift.device != platform:
        log.warning(
            "number_format_measured_elsewhere",
            number_format=number_format,
            measured_on=shift.device,
            runs_on=platform,
        )


def read_part(folder: Path, what: str, load: Callable[[], Any]) -> Any:
    """What a function reads of a directory.

    Args:
        folder: the directory, for messages.
        what: what is read, for messages.
        load: reads it.

    Raises:
        DetectorError: it can't be read, whatever the function raised.
    """
    try:
        return load()
    except SafetensorError as error:
        raise DetectorError(
            f"detector: {folder}: the weights are broken or cut short ({error}); copy them again"
        ) from None
    except Exception as error:  # noqa: BLE001 - transformers raises whatever a file makes it stumble over
        said = shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise DetectorError(f"detector: {folder}: can't read its {what} ({said})") from None


def read_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of a directory.

    Raises:
        DetectorError: there is none, or it can't be read.
    """
    # Without one transformers makes up a tokenizer that knows nothing but its special tokens.
    if not any(path for pattern in VOCABULARY_FILES for path in folder.glob(pattern)):
        raise DetectorError(
            f"detector: {folder} holds no tokenizer; save it beside the model with its `save_pretrained`"
        )
    tokenizer = read_part(
        folder, "tokenizer", lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True)
    )
    if not tokenizer.is_fast:
        raise DetectorError(
            f"detector: {folder}: its tokenizer has no tokenizer.json form, which is needed to tell cut texts"
        )
    return tokenizer


def _model(folder: Path, dtype: torch.dtype) -> Any:
    model, report = read_part(
        folder,
        "weights",
        lambda: AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, output_loading_info=True, dtype=dtype
        ),
    )
    # transformers fills what is missing with random numbers.
    if missing := sorted(report["missing_keys"]):
        raise DetectorError(
            f"detector: {folder}: {len(missing)} weights are missing, among them {missing[0]}; it is no "
            "trained classifier"
        )
    return model


def longest_window(tokenizer: Any, model: Any) -> int:
    """Most tokens that a model reads at once, those that its tokenizer adds included."""
    limits = [_MOST_TOKENS]
    if tokenizer.model_max_length < _NO_LENGTH:
        limits.append(tokenizer.model_max_length)
    if stated := getattr(model.config, "max_position_embeddings", None):
        limits.append(stated - first_position_of(model))
    return min(limits)


def _digest(folder: Path, depends: Sequence[str], calibration: Calibration) -> str:
    # A training's other leavings, and the weights in a form that is not read, must not change it.
    files = [folder / "config.json", *weight_files(folder)]
    files += [path for pattern in TOKENIZER_FILES for path in folder.glob(pattern)]
    whole = blake2b(digest_size=16)
    for path in sorted(set(files)):
        with path.open("rb") as file:
            whole.update(path.name.encode() + b"\0" + file_digest(file, blake2b).digest())
    whole.update("\0".join(depends).encode())
    whole.update(msgspec.json.encode(calibration))
    return whole.hexdigest()
