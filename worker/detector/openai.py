"""The checkpoints of OpenAI's GPT-2 output detector: `detector-base.pt`, `detector-large.pt`.

They were published with the report "GPT-2: 1.5B Release" (2019). A file is a dict with `model_state_dict`,
the weights of a RoBERTa sequence classifier; `args`, the training's arguments, of which `large` says which of
two RoBERTas it is; `epoch` and `optimizer_state_dict`, which are not read. It holds no tokenizer; the one
that belongs to it is that of roberta-base, which roberta-large shares.
"""

from __future__ import annotations

import re
import zipfile
from pickle import UnpicklingError
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from transformers import AutoTokenizer, RobertaConfig, RobertaForSequenceClassification

from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from worker.detector.checkpoint import Label

# What the two outputs mean: the training gave its "fake" texts the label 0 and its real ones 1.
LABELS: Final[tuple[Label, Label]] = ("machine", "human")

# Files that torch writes are zip archives, or until torch 1.5 a row of pickles that begins with this number.
_ZIP: Final = b"PK\x03\x04"
_OLD_FORM: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_REFUSED_OBJECT: Final = re.compile(r"GLOBAL ([\w.]+)")

# What came and went with versions of transformers; neither is read by the classifier.
_NOT_NEEDED: Final = frozenset(
    {"roberta.embeddings.position_ids", "roberta.pooler.dense.weight", "roberta.pooler.dense.bias"}
)
_LAYER: Final = re.compile(r"roberta\.encoder\.layer\.(\d+)\.")
_WORDS: Final = "roberta.embeddings.word_embeddings.weight"
_POSITIONS: Final = "roberta.embeddings.position_embeddings.weight"
_TYPES: Final = "roberta.embeddings.token_type_embeddings.weight"
_INTERMEDIATE: Final = "roberta.encoder.layer.0.intermediate.dense.weight"
_LARGE: Final = (24, 1024)
# No weight tells how many heads there are. 64 numbers each is what both of the RoBERTas have.
_HEAD: Final = 64
_BOS, _PAD, _EOS = 0, 1, 2


class OpenAICheckpoint(NamedTuple):
    """What a file holds, checked.

    Attributes:
        config: what a `config.json` would state.
        weights: by the names that transformers gives them; no more and no fewer than the model has.
    """

    config: dict[str, Any]
    weights: dict[str, Tensor]


def read_checkpoint(path: Path) -> OpenAICheckpoint:
    """The model of a file, once it is sure to be one. Code in the file is not run.

    The sizes are those of the weights, so that a smaller model in the same layout is read too; `large` must
    be true of RoBERTa-large (24 layers of 1024) and of nothing else.

    Raises:
        DetectorError: the file can't be read, or is not of this layout.
    """
    content = _load(path)
    weights = content.get("model_state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(one, torch.Tensor) for one in weights.values()):
        raise DetectorError(
            f"detector: {path} has no `model_state_dict` with weights; it is not laid out as OpenAI's "
            "detector-base.pt and detector-large.pt are"
        )
    large = _large(path, content.get("args"))
    needed = {str(name): one for name, one in weights.items() if name not in _NOT_NEEDED}
    config = _config(path, needed)
    if large != ((config.num_hidden_layers, config.hidden_size) == _LARGE):
        raise DetectorError(
            f"detector: {path}: its `args` state large={large}, but its weights are "
            f"{config.num_hidden_layers} layers of {config.hidden_size}; RoBERTa-large, and it alone, has "
            f"{_LARGE[0]} of {_LARGE[1]}"
        )
    _check_weights(path, config, needed)
    return OpenAICheckpoint(config.to_diff_dict(), needed)


def check_tokenizer(folder: Path, config: Mapping[str, Any]) -> None:
    """Makes sure that a folder holds the tokenizer that the model was trained with.

    Args:
        folder: with a `tokenizer.json`, or a `vocab.json` and a `merges.txt`.
        config: that of the checkpoint.

    Raises:
        DetectorError: there is none, or it is another's.
    """
    # Without a config transformers could not tell whose `vocab.json` it is.
    model = RobertaConfig.from_dict(dict(config))
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, config=model, local_files_only=True)
    except Exception as error:  # noqa: BLE001 - transformers raises whatever a file makes it stumble over
        said = shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise DetectorError(f"detector: {folder}: can't read its tokenizer ({said})") from None
    rows = config["vocab_size"]
    if len(tokenizer) != rows:
        raise DetectorError(
            f"detector: {folder}: its tokenizer knows {len(tokenizer)} tokens, the model {rows}; take that "
            "of roberta-base"
        )
    if tokenizer("")["input_ids"] != [_BOS, _EOS] or tokenizer.pad_token_id != _PAD:
        raise DetectorError(
            f"detector: {folder}: its tokenizer does not put <s> (0) and </s> (2) around a text, with <pad> "
            "as 1; take that of roberta-base"
        )


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            begin = file.read(len(_OLD_FORM))
    except OSError as error:
        raise DetectorError(f"detector: can't read {path}: {error.strerror}") from None
    if not begin.startswith((_ZIP, _OLD_FORM)):
        raise DetectorError(f"detector: {path} is no file that torch wrote; is the download complete?")
    try:
        # Mapped, where the form allows it: the optimizer's state, twice the size of the weights, is not read.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except UnpicklingError as error:
        if (found := _REFUSED_OBJECT.search(str(error))) is None:
            raise _broken(path) from None
        raise DetectorError(
            f"detector: {path} holds an object of {found[1]}, which could run code; only tensors and plain "
            "values are read from such a file"
        ) from None
    except Exception:  # noqa: BLE001 - torch raises whatever a byte makes it stumble over
        raise _broken(path) from None


def _broken(path: Path) -> DetectorError:
    return DetectorError(
        f"detector: {path} is broken or cut short, or not what torch's `save` writes; fetch it again"
    )


def _large(path: Path, args: Any) -> bool:
    if not isinstance(args, dict):
        raise DetectorError(
            f"detector: {path} has no dict `args`, whose `large` says which RoBERTa it is; it is not laid "
            "out as OpenAI's detector-base.pt and detector-large.pt are"
        )
    large = args.get("large")
    if not isinstance(large, bool):
        raise DetectorError(
            f"detector: {path}: its `args` do not say whether it is `large`, true or false, so that its "
            "weights can't be checked against it"
        )
    return large


def _config(path: Path, weights: Mapping[str, Tensor]) -> RobertaConfig:
    """The RoBERTa that has weights of these sizes."""
    words, hidden = _sizes(path, weights, _WORDS)
    positions, _ = _sizes(path, weights, _POSITIONS)
    types, _ = _sizes(path, weights, _TYPES)
    intermediate, _ = _sizes(path, weights, _INTERMEDIATE)
    if hidden % _HEAD:
        raise DetectorError(
            f"detector: {path}: {_WORDS} is {hidden} wide, which heads of {_HEAD} numbers can't share"
        )
    layers = {int(found[1]) for name in weights if (found := _LAYER.match(name))}
    return RobertaConfig(
        architectures=[RobertaForSequenceClassification.__name__],
        vocab_size=words,
        hidden_size=hidden,
        num_hidden_layers=len(layers),
        num_attention_heads=hidden // _HEAD,
        intermediate_size=intermediate,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=1e-5,
        bos_token_id=_BOS,
        pad_token_id=_PAD,
        eos_token_id=_EOS,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )


def _sizes(path: Path, weights: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    if name not in weights:
        raise _missing(path, [name])
    shape = tuple(weights[name].shape)
    if len(shape) != 2 or 0 in shape:  # noqa: PLR2004 - a matrix
        raise DetectorError(f"detector: {path}: {name} is of shape {shape}, where a matrix belongs")
    return shape[0], shape[1]


def _check_weights(path: Path, config: RobertaConfig, weights: Mapping[str, Tensor]) -> None:
    with torch.device("meta"):
        expected = RobertaForSequenceClassification(config).state_dict()
    if missing := sorted(expected.keys() - weights.keys()):
        raise _missing(path, missing)
    if unexpected := sorted(weights.keys() - expected.keys()):
        raise DetectorError(
            f"detector: {path}: {len(unexpected)} weights belong to no RoBERTa classifier, among them "
            f"{unexpected[0]}"
        )
    for name, one in weights.items():
        if one.shape != expected[name].shape or not one.is_floating_point():
            raise DetectorError(
                f"detector: {path}: {name} is {one.dtype} of shape {tuple(one.shape)}, where floating-point "
                f"numbers of shape {tuple(expected[name].shape)} belong"
            )


def _missing(path: Path, names: list[str]) -> DetectorError:
    return DetectorError(f"detector: {path}: {len(names)} weights are missing, among them {names[0]}")
