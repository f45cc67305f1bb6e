"""From a transformers directory to a detector, or one line about what is wrong with it."""

from __future__ import annotations

import warnings
from hashlib import blake2b, file_digest
from importlib.metadata import version
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

import msgspec
import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from worker.detector.calibration import Calibration
from worker.detector.labels import label_order
from worker.detector.transformer import TransformerDetector
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.detector.checkpoint import Manifest

# What a logit depends on beside the weights; a training's other leavings must not change the digest.
_VOCABULARY: Final = ("tokenizer.json", "vocab.*", "*.model", "*.codes")
_BESIDE: Final = (
    "config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt",
    *_VOCABULARY,
)  # fmt: skip
_PACKAGES: Final = ("torch", "transformers", "tokenizers")
# A tokenizer that states no length states an enormous one instead.
_NO_LENGTH: Final = 1_000_000
# Attention costs the square of a text's length; what a model could read beyond this is cut off.
_MOST_TOKENS: Final = 4096


def load_transformer(
    folder: Path, manifest: Manifest | None, *, device: str, dtype: str, name: str
) -> TransformerDetector:
    """The detector of a directory that transformers' `save_pretrained` wrote.

    Nothing is fetched and no code of the directory is run. Weights are safetensors, or a `.bin` that holds
    tensors alone.

    Args:
        folder: the directory.
        manifest: its `detector.json`, or None.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        dtype: `auto` is float32 on a CPU and bfloat16 on a GPU.
        name: a short name for people, where the manifest states none.

    Raises:
        SettingsError: the device is not there, or the number format is not offered.
        DetectorError: the directory's content can't be used.
    """
    where = _device(device)
    number_format = _dtype(dtype, where)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings(action="ignore"):
        config = _read(
            folder, "config.json", lambda: AutoConfig.from_pretrained(folder, local_files_only=True)
        )
        labels = label_order(folder, config.id2label, manifest.labels if manifest is not None else None)
        tokenizer = _tokenizer(folder)
        model = _model(folder, number_format)
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise DetectorError(
            f"detector: {folder}: its tokenizer knows {len(tokenizer)} tokens, its model {rows}; they do "
            "not belong together"
        )
    calibration = manifest.calibration if manifest is not None else Calibration()
    return TransformerDetector(
        manifest.name if manifest is not None else name,
        _digest(folder, labels, calibration, number_format, where),
        calibration,
        tokenizer=tokenizer,
        model=model.eval().to(where),
        machine=labels.index("machine"),
        max_tokens=_max_tokens(tokenizer, model),
    )


def _device(device: str) -> torch.device:
    with warnings.catch_warnings(action="ignore"):  # an old driver is told as a warning
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda" if count else "cpu")
    wanted = torch.device(device)
    if wanted.type == "cuda" and (wanted.index or 0) >= count:
        raise SettingsError(
            f"settings: detector.device {device!r}: torch sees {count or 'no'} CUDA device(s); set auto or "
            "cpu, or see `nvidia-smi` and whether this torch was built for CUDA"
        )
    return wanted


def _dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "int8":
        raise SettingsError(
            "settings: detector.dtype 'int8' is not offered for transformers models yet; set auto, float32, "
            "bfloat16 or float16"
        )
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    chosen: torch.dtype = getattr(torch, dtype)
    return chosen


def _read(folder: Path, what: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except SafetensorError as error:
        raise DetectorError(
            f"detector: {folder}: the weights are broken or cut short ({error}); copy them again"
        ) from None
    except Exception as error:  # noqa: BLE001 - transformers raises whatever a file makes it stumble over
        said = shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise DetectorError(f"detector: {folder}: can't read its {what} ({said})") from None


def _tokenizer(folder: Path) -> Any:
    # Without one transformers makes up a tokenizer that knows nothing but its special tokens.
    if not any(path for pattern in _VOCABULARY for path in folder.glob(pattern)):
        raise DetectorError(
            f"detector: {folder} holds no tokenizer; save it beside the model with its `save_pretrained`"
        )
    tokenizer = _read(
        folder, "tokenizer", lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True)
    )
    if not tokenizer.is_fast:
        raise DetectorError(
            f"detector: {folder}: its tokenizer has no tokenizer.json form, which is needed to tell cut texts"
        )
    return tokenizer


def _model(folder: Path, dtype: torch.dtype) -> Any:
    model, report = _read(
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


def _max_tokens(tokenizer: Any, model: Any) -> int:
    limits = [_MOST_TOKENS]
    if tokenizer.model_max_length < _NO_LENGTH:
        limits.append(tokenizer.model_max_length)
    if stated := getattr(model.config, "max_position_embeddings", None):
        limits.append(stated)
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            # RoBERTa and its kin count positions from behind the padding's: 514 of them hold 512 tokens.
            limits.append(module.num_embeddings - module.padding_idx - 1)
    return min(limits)


def _digest(
    folder: Path,
    labels: tuple[str, str],
    calibration: Calibration,
    dtype: torch.dtype,
    device: torch.device,
) -> str:
    weights = list(folder.glob("*.safetensors")) or list(folder.glob("*.bin"))
    beside = [path for pattern in _BESIDE for path in folder.glob(pattern)]
    whole = blake2b(digest_size=16)
    for path in sorted({*weights, *beside}):
        with path.open("rb") as file:
            whole.update(path.name.encode() + b"\0" + file_digest(file, blake2b).digest())
    packages = [f"{package} {version(package)}" for package in _PACKAGES]
    whole.update("\0".join([*labels, str(dtype), device.type, *packages]).encode())
    whole.update(msgspec.json.encode(calibration))
    return whole.hexdigest()
