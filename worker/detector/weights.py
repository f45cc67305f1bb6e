"""The weights of a transformers directory, as tensors by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from worker.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

WEIGHTS: Final = "model.safetensors"
_BIN: Final = "pytorch_model.bin"
_INDEX: Final = ".index.json"


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold the weights of a directory, in the order in which transformers looks for them.

    One `model.safetensors`, or the parts that its index names; else the same of `pytorch_model.bin`.

    Raises:
        DetectorError: there are none, or the index is broken.
    """
    for name in (WEIGHTS, _BIN):
        if (folder / name).is_file():
            return (folder / name,)
        if (folder / (name + _INDEX)).is_file():
            return _parts(folder / (name + _INDEX))
    raise DetectorError(
        f"detector: {folder} holds no weights: neither {WEIGHTS} nor {_BIN}, whole or in parts with an index"
    )


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a directory, by name. Pickled code is not run.

    Raises:
        DetectorError: there are none, or a file is broken.
    """
    weights: dict[str, Tensor] = {}
    for path in weight_files(folder):
        weights |= read_tensors(path)
    return weights


def write_weights(path: Path, weights: Mapping[str, Tensor], dtype: torch.dtype | None) -> None:
    """Writes tensors as one safetensors file that whoever may read the directory may read.

    Args:
        path: the file.
        weights: by name; what share memory are written each on its own.
        dtype: the format of the floating-point ones; None leaves them as they are.

    Raises:
        OSError: it can't be written.
        SafetensorError: as above.
    """
    stored: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, one in weights.items():
        cast = one if dtype is None or not one.is_floating_point() else one.to(dtype)
        stored[name] = _alone(cast, seen)
        seen.add(stored[name].untyped_storage().data_ptr())
    # First as every file is made: safetensors makes one that only its owner can read.
    path.touch()
    mode = path.stat().st_mode
    save_file(stored, path, metadata={"format": "pt"})
    path.chmod(mode)


def formats(weights: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> str:
    """The number formats of the floating-point tensors, for people: `float32`.

    Args:
        weights: by name.
        dtype: what they are written as; None for as they are.
    """
    found = {dtype or one.dtype for one in weights.values() if one.is_floating_point()}
    return ", ".join(sorted(str(one).removeprefix("torch.") for one in found))


def share_weights(folder: Path, model: Any) -> None:
    """Lets a model's weights lie in the mapped file itself, so that all processes that run it share them.

    What the file does not hold under the same name, shape and format stays as it is, and so does all of a
    `.bin`. The file must not be written to while a process runs on it; putting another in its place is fine.

    Args:
        folder: the directory that the model was loaded from.
        model: the model, on the CPU.

    Raises:
        DetectorError: a file is broken.
    """
    if any(path.suffix != ".safetensors" for path in weight_files(folder)):
        return
    held = read_weights(folder)
    for name, weight in model.named_parameters(remove_duplicate=False):
        mapped = held.get(name)
        if mapped is not None and mapped.shape == weight.shape and mapped.dtype == weight.dtype:
            weight.data = mapped


def _alone(tensor: Tensor, seen: set[int]) -> Tensor:
    """The tensor with memory of its own, without gaps, as safetensors wants it."""
    memory = tensor.untyped_storage()
    if memory.nbytes() == tensor.nbytes and memory.data_ptr() not in seen:
        return tensor.contiguous()
    return tensor.clone(memory_format=torch.contiguous_format)


def _parts(index: Path) -> tuple[Path, ...]:
    try:
        named = msgspec.json.decode(index.read_bytes(), type=dict[str, Any])["weight_map"]
        names = msgspec.convert(sorted(set(named.values())), list[str])
    except (OSError, KeyError, TypeError, AttributeError, msgspec.MsgspecError):
        raise DetectorError(f"detector: {index} names no files in a `weight_map`; copy it again") from None
    for name in names:
        # Nothing outside the directory, whatever the index says.
        if "/" in name or "\\" in name or not (index.parent / name).is_file():
            raise DetectorError(f"detector: {index} names {name!r}, which is not beside it; copy it again")
    return tuple(index.parent / name for name in names)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors or `.bin` file, by name. Pickled code is not run.

    Raises:
        DetectorError: the file is missing or broken.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DetectorError(f"detector: {path} is missing") from None
    except SafetensorError as error:
        raise DetectorError(
            f"detector: {path}: the weights are broken or cut short ({error}); copy them again"
        ) from None
    except Exception:  # noqa: BLE001 - torch raises whatever a byte makes it stumble over
        raise DetectorError(
            f"detector: {path} is broken, or holds more than tensors and plain values, which are all that is "
            "read from such a file"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise DetectorError(f"detector: {path} holds no tensors by name")
    return found
