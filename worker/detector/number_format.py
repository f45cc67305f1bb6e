"""Which number format a model is run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import structlog
import torch

from worker.detector.format_shift import MOST_CHANGED
from worker.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.detector.calibration import Calibration, NumberFormat
    from worker.detector.format_shift import FormatShift

log = structlog.get_logger(__name__)

_TORCH: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    # The linear layers are 8-bit integers, what lies between them is not.
    "int8": torch.float32,
}
_MEASURE: Final = "measure it with `flagstaff convert SOURCE OUT --compare POSTS`"


def chosen_format(
    asked: NumberFormat | Literal["auto"],
    device: torch.device,
    calibration: Calibration,
    shifts: Mapping[NumberFormat, FormatShift],
) -> NumberFormat:
    """The format that a detector is run in.

    A calibration belongs to the format it was made in. It is used in another one only where that was measured
    and hardly changes a decision; `auto` stays with its own format else. Without a calibration nothing is
    decided by the detector, and any format goes.

    Args:
        asked: the setting `detector.dtype`.
        device: what the detector runs on.
        calibration: its calibration.
        shifts: what other formats were measured to change.

    Raises:
        SettingsError: the device does not offer the format that is asked for, or the calibration must not be
            used in it.
        DetectorError: with `auto`: there is no format that the device offers and the calibration holds in.
    """
    wanted = native_format(device) if asked == "auto" else asked
    own = calibrated_format(calibration)
    shift = shifts.get(wanted)
    if not calibration.fitted or wanted == own or (shift is not None and shift.allowed):
        check_offered(wanted, device)
        return wanted
    if asked == "auto":
        if not is_offered(own, device):
            raise DetectorError(
                f"detector: it is calibrated in {own}, which is not for {device.type}, and "
                f"{_why(wanted, shift)}; calibrate it in {wanted}"
            )
        log.info("native_format_not_taken", native=wanted, taken=own, why=_why(wanted, shift))
        return own
    check_offered(wanted, device)
    raise SettingsError(
        f"settings: detector.dtype {wanted!r}: the detector is calibrated in {own}, and "
        f"{_why(wanted, shift)}; set auto or {own}, or "
        + (_MEASURE if shift is None else f"calibrate it in {wanted}")
    )


def calibrated_format(calibration: Calibration) -> NumberFormat:
    """The format that a calibration belongs to."""
    return calibration.number_format or "float32"


def native_format(device: torch.device) -> NumberFormat:
    """The format that `auto` prefers: bfloat16 where the device computes in it, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    capabilities = torch.cpu.get_capabilities()
    native = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return "bfloat16" if native else "float32"


def is_offered(number_format: NumberFormat, device: torch.device) -> bool:
    """Whether the device can run the format."""
    return (
        device.type == "cpu"
        if number_format == "int8"
        else number_format != "float16" or device.type != "cpu"
    )


def check_offered(number_format: NumberFormat, device: torch.device) -> None:
    """Nothing, where the device can run the format.

    Raises:
        SettingsError: it can't.
    """
    if is_offered(number_format, device):
        return
    if number_format == "int8":
        raise SettingsError(
            "settings: detector.dtype 'int8' is for the CPU; on a GPU set auto, bfloat16 or float16"
        )
    raise SettingsError(
        "settings: detector.dtype 'float16' is for GPUs, CPUs only emulate it; set auto, float32, "
        "bfloat16 or int8"
    )


def torch_format(number_format: NumberFormat) -> torch.dtype:
    """The format of what lies between the linear layers."""
    return _TORCH[number_format]


def _why(number_format: NumberFormat, shift: FormatShift | None) -> str:
    if shift is None:
        return f"what {number_format} changes was not measured"
    return (
        f"{number_format} changes {100 * shift.changed:.3g} % of {shift.texts} decisions, more than the "
        f"{100 * MOST_CHANGED:g} % allowed"
    )
