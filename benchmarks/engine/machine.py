"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import torch

from worker.detector.number_format import native_format

_CPUINFO: Final = Path("/proc/cpuinfo")
_PACKAGES: Final = (
    "torch", "transformers", "tokenizers", "openvino", "nncf", "onnxruntime", "sentence-transformers"
)  # fmt: skip


def machine() -> dict[str, object]:
    """Facts about it, by their keys in JSON; null for a package that is not installed."""
    facts: dict[str, object] = {
        "machine.cpu": _cpuinfo().get("model name") or platform.processor() or platform.machine(),
        "machine.cores": os.cpu_count(),
        "machine.native_bfloat16": has_native_bfloat16(),
        "machine.python": platform.python_version(),
    }
    return facts | {f"machine.{package}": _version(package) for package in _PACKAGES}


def has_native_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself; others emulate it, at no gain."""
    return native_format(torch.device("cpu")) == "bfloat16"


def _cpuinfo() -> dict[str, str]:
    try:
        first = _CPUINFO.read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
