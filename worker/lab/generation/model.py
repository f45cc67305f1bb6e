"""A causal language model as transformers loads it, or one line about what is wrong with it."""

from __future__ import annotations

import warnings
from contextlib import redirect_stderr
from hashlib import blake2b, file_digest
from io import StringIO
from textwrap import shorten
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging as transformers_logging

from worker.detector.checkpoint import TOKENIZER_FILES, VOCABULARY_FILES
from worker.detector.weights import weight_files
from worker.lab.generation.lines import GenerationError
from worker.lab.generation.location import GGUF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class LanguageModel(NamedTuple):
    """A model that is ready to go on from a prompt.

    Attributes:
        model: transformers' own, on its device.
        tokenizer: its own.
        before: what stands before a prompt: the token that begins a text, where the tokenizer puts one there.
        alone: what a text without a prompt begins from.
        ends: the tokens that end a text.
        most_tokens: how many it sees; None where it states no limit.
        weights: digest of its weights and sizes.
        vocabulary: digest of its tokenizer.
    """

    model: Any
    tokenizer: Any
    before: tuple[int, ...]
    alone: tuple[int, ...]
    ends: tuple[int, ...]
    most_tokens: int | None
    weights: str
    vocabulary: str


def load_language_model(path: Path, device: torch.device, dtype: torch.dtype) -> LanguageModel:
    """The model and tokenizer of a directory that transformers wrote, or of a GGUF file.

    Nothing is fetched and no code of the directory is run. Weights are safetensors, or a `.bin` that holds
    tensors alone; those of a GGUF file are unpacked to the number format asked for.

    Raises:
        GenerationError: the content can't be used, or is no causal language model.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if path.suffix == GGUF:
        import gguf  # noqa: F401, PLC0415 - so that a missing package is told as every other is

        folder, part = path.parent, {"gguf_file": path.name}
        files = names = [path]
    else:
        folder, part = path, {}
        if not (folder / "config.json").is_file():
            raise GenerationError(
                f"generate: {folder} holds no config.json of a transformers model; name a directory with "
                f"one, or a {GGUF} file"
            )
        names = [found for pattern in TOKENIZER_FILES for found in folder.glob(pattern)]
        files = [folder / "config.json", *weight_files(folder)]
        if not any(found for pattern in VOCABULARY_FILES for found in folder.glob(pattern)):
            raise GenerationError(
                f"generate: {folder} holds no tokenizer; save it beside the model with its `save_pretrained`"
            )
    # transformers has no switch for the progress bars of a GGUF file.
    with warnings.catch_warnings(action="ignore"), redirect_stderr(StringIO()):
        tokenizer = _read(
            path,
            "tokenizer",
            lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True, **part),
        )
        model, report = _read(
            path,
            "weights",
            lambda: AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, dtype=dtype, **part
            ),
        )
    # transformers fills what is missing with random numbers.
    if missing := sorted(report["missing_keys"]):
        raise GenerationError(
            f"generate: {path}: {len(missing)} weights are missing, among them {missing[0]}; it is no "
            "trained language model"
        )
    model = model.eval().to(device)
    if len(tokenizer) > (rows := model.get_input_embeddings().num_embeddings):
        raise GenerationError(
            f"generate: {path}: its tokenizer knows {len(tokenizer)} tokens, its model {rows}; they do not "
            "belong together"
        )
    _check_causal(path, model)
    ends = _ends(model, tokenizer)
    # What else a model's own settings say, of repetitions say, must not come in unasked.
    model.generation_config = GenerationConfig()
    begin = tokenizer.bos_token_id
    added = tokenizer("")["input_ids"]
    alone = [token for token in (begin, *ends) if token is not None][:1]
    return LanguageModel(
        model,
        tokenizer,
        before=(begin,) if begin is not None and added[:1] == [begin] else (),
        alone=tuple(alone),
        ends=ends,
        most_tokens=getattr(model.config, "max_position_embeddings", None),
        weights=_digest(files),
        vocabulary=_digest(names),
    )


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The model's own, which may be several, and the tokenizer's."""
    ends: set[int] = set()
    for stated in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        if stated is not None:
            ends.update(stated if isinstance(stated, list) else [stated])
    return tuple(sorted(ends))


def _check_causal(path: Path, model: Any) -> None:
    """Encoders can be loaded too, and would write nonsense: what they say of a word sees what follows."""
    ids = torch.tensor([[3, 5, 7, 9], [3, 6, 8, 10]], device=model.device)
    with torch.inference_mode():
        first, second = model(ids % model.get_input_embeddings().num_embeddings).logits[:, 0].float()
    if not torch.allclose(first, second, rtol=1e-2, atol=1e-2, equal_nan=True):
        raise GenerationError(
            f"generate: {path} is no causal language model: what it says of a word depends on the words "
            "behind it; name one that writes from left to right, like GPT-2"
        )


def _read(path: Path, what: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except SafetensorError as error:
        raise GenerationError(
            f"generate: {path}: the weights are broken or cut short ({error}); copy them again"
        ) from None
    except Exception as error:  # noqa: BLE001 - transformers raises whatever a file makes it stumble over
        said = shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise GenerationError(f"generate: {path}: can't read its {what} ({said})") from None


def _digest(files: Iterable[Path]) -> str:
    whole = blake2b(digest_size=16)
    for path in sorted(set(files)):
        with path.open("rb") as file:
            whole.update(path.name.encode() + b"\0" + file_digest(file, blake2b).digest())
    return whole.hexdigest()
