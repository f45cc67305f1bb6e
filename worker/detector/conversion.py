"""From a checkpoint of any form to a directory of safetensors that says all that it is."""

from __future__ import annotations

import json
import shutil
from hashlib import file_digest
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from safetensors import SafetensorError

from worker.detector import openai
from worker.detector.checkpoint import (
    MANIFEST,
    TOKENIZER_FILES,
    VOCABULARY_FILES,
    read_manifest,
    write_manifest,
)
from worker.detector.labels import label_order
from worker.detector.weights import WEIGHTS, formats, read_weights, weight_files, write_weights
from worker.errors import DetectorError

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor

    from worker.detector.checkpoint import Label, Manifest

CONFIG: Final = "config.json"
_PACKAGES: Final = ("torch", "transformers")
# What names code of the directory's own, which is never run.
_CODE: Final = "auto_map"
# What transformers takes for the labels of a config that has none.
_UNNAMED: Final = {"0": "LABEL_0", "1": "LABEL_1"}


class Checkpoint(NamedTuple):
    """A transformers classifier, whatever form it came in.

    Attributes:
        config: what `config.json` states.
        weights: the tensors by name.
        tokenizer: the files of its tokenizer.
        labels: what its outputs mean, first to last.
        read: all files that it was read from.
        manifest: the `detector.json` that was beside it, or None.
    """

    config: dict[str, Any]
    weights: dict[str, Tensor]
    tokenizer: tuple[Path, ...]
    labels: tuple[Label, Label]
    read: tuple[Path, ...]
    manifest: Manifest | None = None


def open_openai(
    file: Path, tokenizer: Path | None = None, labels: tuple[Label, Label] | None = None
) -> Checkpoint:
    """OpenAI's `detector-base.pt` or `detector-large.pt`.

    Args:
        file: the checkpoint.
        tokenizer: a directory with roberta-base's tokenizer; None where it lies beside the file.
        labels: what somebody takes its outputs to mean, which must be what they do mean; or None.

    Raises:
        DetectorError: the file is not of that layout, or its tokenizer is missing or another's.
    """
    if labels not in {None, openai.LABELS}:
        raise DetectorError(
            f"detector: {file}: OpenAI's detector has the labels {', '.join(openai.LABELS)} in this order; "
            "leave out --labels"
        )
    beside = tokenizer or file.parent
    files = _tokenizer_files(beside)
    if not files:
        raise DetectorError(
            f"detector: {file} has no tokenizer in {beside}; put that of roberta-base there (tokenizer.json, "
            "or vocab.json and merges.txt), or name its directory to `flagstaff convert --tokenizer`"
        )
    config, weights = openai.read_checkpoint(file)
    openai.check_tokenizer(beside, config)
    return Checkpoint(config, weights, files, openai.LABELS, (file, *files))


def open_directory(
    folder: Path, tokenizer: Path | None = None, labels: tuple[Label, Label] | None = None
) -> Checkpoint:
    """A directory that transformers' `save_pretrained` wrote, with safetensors or `.bin` files.

    Args:
        folder: the directory.
        tokenizer: a directory with its tokenizer; None where it is the same.
        labels: what its outputs mean, first to last, where neither of its files says so.

    Raises:
        DetectorError: the directory's content can't be used.
    """
    manifest = read_manifest(folder)
    if manifest is not None and manifest.kind != "transformers":
        raise DetectorError(
            f"detector: {folder} holds a {manifest.kind} detector, which has one form and is used as it is"
        )
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        names = {int(place): str(name) for place, name in config.get("id2label", _UNNAMED).items()}
    except OSError as error:
        raise DetectorError(f"detector: can't read {folder / CONFIG}: {error.strerror}") from None
    except (ValueError, AttributeError):
        raise DetectorError(f"detector: {folder / CONFIG} is no config of a transformers model") from None
    noted = manifest.labels if manifest is not None else None
    if None not in {labels, noted} and labels != noted:
        raise DetectorError(
            f"detector: {folder}: {MANIFEST} states the labels {', '.join(noted or ())}, but --labels "
            f"{', '.join(labels or ())}; correct the wrong one"
        )
    order = label_order(folder, names, labels or noted, MANIFEST if labels is None else "--labels")
    files = _tokenizer_files(tokenizer or folder)
    if not files:
        raise DetectorError(
            f"detector: {tokenizer or folder} holds no tokenizer; name the directory of one with --tokenizer"
        )
    read = (folder / CONFIG, *weight_files(folder), *files)
    return Checkpoint(config, read_weights(folder), files, order, read, manifest)


def write_directory(
    folder: Path, checkpoint: Checkpoint, manifest: Manifest, dtype: torch.dtype | None = None
) -> None:
    """Writes a checkpoint into an empty directory.

    `detector.json` comes last: with it the directory is whole.

    Args:
        folder: where it goes.
        checkpoint: what is written.
        manifest: its `detector.json`.
        dtype: the number format of the weights in the file; None leaves it as it is.

    Raises:
        DetectorError: it can't be written.
    """
    try:
        for file in checkpoint.tokenizer:
            # The content alone: who may read it is the new directory's affair.
            shutil.copyfile(file, folder / file.name)
        config = json.dumps(_config(checkpoint, dtype), indent=2) + "\n"
        (folder / CONFIG).write_text(config, encoding="utf-8")
        write_weights(folder / WEIGHTS, checkpoint.weights, dtype)
        write_manifest(folder, manifest)
    except (OSError, SafetensorError) as error:
        raise DetectorError(f"detector: can't write to {folder}: {error}") from None


def provenance(
    checkpoint: Checkpoint, source: str, revision: str | None, dtype: torch.dtype | None
) -> dict[str, Any]:
    """Where a converted checkpoint came from, for people who read its `detector.json`.

    Args:
        checkpoint: as it was opened.
        source: what the user named.
        revision: the commit, where it came from the hub.
        dtype: what it was stored as, None for as it was.

    Raises:
        DetectorError: a file can't be read.
    """
    said: dict[str, Any] = {"converted_from": source}
    if revision is not None:
        said["revision"] = revision
    said["sha256"] = {file.name: _sha256(file) for file in checkpoint.read}
    said["weights_were"] = formats(checkpoint.weights)
    said["weights_are"] = formats(checkpoint.weights, dtype)
    said["made_with"] = {package: version(package) for package in _PACKAGES}
    if checkpoint.manifest is not None and checkpoint.manifest.provenance:
        said["before"] = checkpoint.manifest.provenance
    return said


def _config(checkpoint: Checkpoint, dtype: torch.dtype | None) -> dict[str, Any]:
    left_out = {_CODE, "dtype", "torch_dtype"}
    config = {name: value for name, value in checkpoint.config.items() if name not in left_out}
    labels = dict(enumerate(checkpoint.labels))
    config |= {"id2label": labels, "label2id": {label: place for place, label in labels.items()}}
    number_format = formats(checkpoint.weights, dtype)
    return config if "," in number_format else config | {"dtype": number_format}


def _tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """The files of the folder's tokenizer; none where it has no vocabulary."""
    if not any(True for pattern in VOCABULARY_FILES for _ in folder.glob(pattern)):
        return ()
    return tuple(
        sorted(path for pattern in TOKENIZER_FILES for path in folder.glob(pattern) if path.is_file())
    )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DetectorError(f"detector: can't read {path}: {error.strerror}") from None
