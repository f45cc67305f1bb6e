"""Which number format a model is run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from worker.errors import SettingsError

if TYPE_CHECKING:
    from worker.detector.calibration import NumberFormat

_TORCH: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    # The linear layers are 8-bit integers, what lies between them is not.
    "int8": torch.float32,
}


def native_format(device: torch.device) -> NumberFormat:
    """The format that `auto` prefers: bfloat16 where the device computes in it, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    capabilities = torch.cpu.get_capabilities()
    native = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return "bfloat16" if native else "float32"


def check_offered(number_format: NumberFormat, device: torch.device) -> None:
    """Nothing, where the device can run the format.

    Raises:
        SettingsError: it can't.
    """
    if number_format == "int8" and device.type != "cpu":
        raise SettingsError(
            "settings: detector.dtype 'int8' is for the CPU; on a GPU set auto, bfloat16 or float16"
        )
    if number_format == "float16" and device.type == "cpu":
        raise SettingsError(
            "settings: detector.dtype 'float16' is for GPUs, CPUs only emulate it; set auto, float32, "
            "bfloat16 or int8"
        )


def torch_format(number_format: NumberFormat) -> torch.dtype:
    """The format of what lies between the linear layers."""
    return _TORCH[number_format]
