"""From a directory of kind `zero-shot` to a detector, or one line about what is wrong with it."""

from __future__ import annotations

import copy
import warnings
from functools import partial
from hashlib import blake2b, file_digest
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import msgspec
import structlog
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils
from transformers.utils import logging as transformers_logging

from worker.detector.checkpoint import MANIFEST, TOKENIZER_FILES
from worker.detector.device import device_of, platform_of
from worker.detector.number_format import chosen_format, torch_format
from worker.detector.pretrained import longest_window, read_part, read_tokenizer
from worker.detector.running import GPU_TOKENS
from worker.detector.transformer import TransformerDetector
from worker.detector.weights import share_weights, weight_files
from worker.detector.zero_shot_statistics import LanguageModel, StatisticRunner
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.detector.checkpoint import Manifest
    from worker.settings import DetectorSettings

log = structlog.get_logger(__name__)

_PACKAGES: Final = ("torch", "transformers", "tokenizers")
_GGUF: Final = ".gguf"
_GGUF_PACKAGES: Final = ("gguf", "accelerate")
# Raise it when the same weights would give other statistics.
_STATISTICS_VERSION: Final = 1
# How far what comes later may move a logit, as a share of the largest: rounding, and no more.
_TOLERANCE: Final = 1e-2

# Those in use, by the digest of all that they depend on. Several detectors of one process hold them once.
_in_use: WeakValueDictionary[str, LanguageModel] = WeakValueDictionary()


def load_zero_shot(folder: Path, manifest: Manifest, settings: DetectorSettings) -> TransformerDetector:
    """The zero-shot detector of a directory. Nothing is fetched and no code of the directory is run.

    A long text is looked at from its beginning, in one window. A GGUF file's weights are dequantised when it
    is loaded, so each process holds them in full.

    Args:
        folder: the directory.
        manifest: its `detector.json`, of kind `zero-shot`.
        settings: device, number format and token budget.

    Raises:
        SettingsError: the device is not there, or the number format is not offered or changes too much.
        DetectorError: the directory's content can't be used.
    """
    spec = manifest.zero_shot
    if spec is None:
        raise DetectorError(f"detector: {folder / MANIFEST} is of kind zero-shot, but has no `zero_shot`")
    if manifest.labels != ("human", "machine"):
        raise DetectorError(
            f"detector: {folder / MANIFEST}: a zero-shot detector's `labels` are human, machine in this order"
        )
    device = device_of(settings.device)
    number_format = chosen_format(settings.dtype, device, manifest.calibration, manifest.formats)
    if number_format == "int8":
        raise SettingsError(
            "settings: detector.dtype 'int8': a zero-shot detector's language model is not run in it; set "
            "auto, float32 or bfloat16"
        )
    budget = settings.token_budget or GPU_TOKENS
    source = folder / spec.model
    depends = [
        f"statistics {_STATISTICS_VERSION}", number_format, *platform_of(device, number_format),
        *(f"{package} {version(package)}" for package in _PACKAGES), *_files_digests(source),
    ]  # fmt: skip
    key = _hashed([*depends, str(device), str(budget)])
    language_model = _in_use.get(key)
    if language_model is None:
        language_model = _language_model(source, device, torch_format(number_format), budget)
        _in_use[key] = language_model
    max_tokens = min(spec.max_tokens, language_model.longest)
    if device.type == "cuda" and max_tokens > budget:
        raise SettingsError(
            f"settings: detector.token_budget {budget} is less than one text of this model, {max_tokens} "
            "tokens; raise it"
        )
    log.info("detector_loaded", detector=manifest.name, number_format=number_format, runs="single")
    depends += [spec.statistic, f"window {max_tokens}", manifest.preparation]
    depends.append(msgspec.json.encode(manifest.calibration).decode())
    return TransformerDetector(
        manifest.name,
        _hashed(depends),
        manifest.calibration,
        # Its own: how a tokenizer cuts is a state of it, and two detectors may encode at the same time.
        tokenizer=copy.deepcopy(language_model.tokenizer),
        runner=StatisticRunner(language_model, spec.statistic),
        machine=1,
        max_tokens=max_tokens,
        max_windows=1,
        preparation=manifest.preparation,
    )


def _language_model(source: Path, device: torch.device, dtype: torch.dtype, budget: int) -> LanguageModel:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    gguf = source.suffix == _GGUF
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    where |= {"pretrained_model_name_or_path": source.parent if gguf else source}
    if gguf:
        where |= {"gguf_file": source.name}
        # This bar heeds no setting of transformers.
        modeling_gguf_pytorch_utils.tqdm = partial(modeling_gguf_pytorch_utils.tqdm, disable=True)
    with warnings.catch_warnings(action="ignore"):
        tokenizer = (
            read_part(source, "tokenizer", lambda: AutoTokenizer.from_pretrained(**where))
            if gguf
            else read_tokenizer(source)
        )
        model, report = read_part(
            source,
            "weights",
            lambda: AutoModelForCausalLM.from_pretrained(**where, output_loading_info=True, dtype=dtype),
        )
    # transformers fills what is missing with random numbers.
    if missing := sorted(report["missing_keys"]):
        raise DetectorError(
            f"detector: {source}: {len(missing)} weights are missing, among them {missing[0]}; it is no "
            "trained language model"
        )
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise DetectorError(
            f"detector: {source}: its tokenizer knows {len(tokenizer)} tokens, its model {rows}; they do not "
            "belong together"
        )
    model = model.eval().to(device)
    if device.type == "cpu":
        torch.set_num_threads(1)  # as its streams run it
        if not gguf:
            share_weights(source, model)
    if not _looks_back_only(model):
        raise DetectorError(
            f"detector: {source}: a {type(model).__name__} expects a token by those behind it too; name a "
            "causal language model, as GPT-2 is"
        )
    longest = longest_window(tokenizer, model)
    return LanguageModel(model, tokenizer=tokenizer, longest=longest, token_budget=budget)


def _looks_back_only(model: Any) -> bool:
    """Whether another last token leaves what the model says of those before as it was."""
    ids = torch.tensor([[1, 2, 3], [1, 2, 4]], device=model.device)
    with torch.inference_mode():
        one, other = (model(input_ids=some[None], use_cache=False).logits[0, :-1].float() for some in ids)
    return bool((one - other).abs().max() <= _TOLERANCE * one.abs().max())


def _files_digests(source: Path) -> list[str]:
    """Of all that the statistics depend on: each file's name and digest; a GGUF file's digest alone."""
    try:
        if source.suffix == _GGUF:
            return [*(f"{package} {version(package)}" for package in _GGUF_PACKAGES), _file_digest(source)]
        files = [source / "config.json", *weight_files(source)]
        files += [path for pattern in TOKENIZER_FILES for path in source.glob(pattern)]
        return [f"{path.name} {_file_digest(path)}" for path in sorted(set(files))]
    except PackageNotFoundError:
        raise DetectorError(
            f"detector: {source} needs the packages gguf and accelerate: pip install 'flagstaff[lab]'"
        ) from None
    except OSError as error:
        raise DetectorError(f"detector: can't read {error.filename or source}: {error.strerror}") from None


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, blake2b).hexdigest()


def _hashed(parts: Sequence[str]) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
