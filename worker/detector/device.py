"""Which device a model is run on, and what of it a logit's last bits depend on."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import torch

from worker.errors import SettingsError

if TYPE_CHECKING:
    from worker.detector.calibration import NumberFormat

# Instructions for short numbers: with them products are added up in another width and order.
_SHORT: Final = (
    "amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "bf16", "dot", "i8mm", "sve_bf16"
)  # fmt: skip


def device_of(asked: str) -> torch.device:
    """The device that the setting `detector.device` means.

    Raises:
        SettingsError: it is not there.
    """
    with warnings.catch_warnings(action="ignore"):  # an old driver is told as a warning
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        return torch.device("cuda" if count else "cpu")
    wanted = torch.device(asked)
    if wanted.type == "cuda" and (wanted.index or 0) >= count:
        raise SettingsError(
            f"settings: detector.device {asked!r}: torch sees {count or 'no'} CUDA device(s); set auto or "
            "cpu, or see `nvidia-smi` and whether this torch was built for CUDA"
        )
    return wanted


def platform_of(device: torch.device, number_format: NumberFormat) -> tuple[str, ...]:
    """What of the machine decides which kernels add up a sum: another one may end in other last bits."""
    if device.type == "cuda":
        return "cuda", torch.cuda.get_device_name(device), str(torch.version.cuda)
    capabilities = torch.cpu.get_capabilities()
    short = () if number_format == "float32" else (name for name in _SHORT if capabilities.get(name))
    return "cpu", str(capabilities.get("architecture")), torch.backends.cpu.get_cpu_capability(), *short
