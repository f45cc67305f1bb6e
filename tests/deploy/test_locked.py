from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.locked import main, needed, pinned, read_lock, wanted

ROOT = Path(__file__).parents[2]

_LOCK = """\
anyio==4.1 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via web
Big_Model==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:ba
    # via
    #   shop (pyproject.toml)
    #   tuning
nvidia-blas==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:ca
    # via torch
torch==3.0 \\
    --hash=sha256:da
    # via big-model
tuning==1.0 \\
    --hash=sha256:ea
    # via shop (pyproject.toml)
web==1.0 \\
    --hash=sha256:fa
    # via shop (pyproject.toml)
"""
_PROJECT = {
    "name": "shop",
    "dependencies": ["web[fast]>=1"],
    "optional-dependencies": {"models": ["big.model>=2"], "lab": ["shop[models]", "tuning"]},
}


def _names(*extras: str, without_cuda: bool = False) -> list[str]:
    packages = needed(read_lock(_LOCK), wanted(_PROJECT, extras), without_cuda=without_cuda)
    return [package.name for package in packages]


def test_only_what_the_extras_need_is_taken() -> None:
    assert _names() == ["anyio", "web"]
    assert _names("models") == ["anyio", "big-model", "nvidia-blas", "torch", "web"]
    assert _names("lab") == ["anyio", "big-model", "nvidia-blas", "torch", "tuning", "web"]


def test_lines_are_the_locks_own_without_comments() -> None:
    chosen = needed(read_lock(_LOCK), wanted(_PROJECT, ()))
    assert pinned(chosen, "") == "\n".join(line for line in _LOCK.splitlines()[:3]) + (
        "\nweb==1.0 \\\n    --hash=sha256:fa\n"
    )


def test_a_torch_without_cuda_comes_from_its_address() -> None:
    wheel = f"https://example.org/torch.whl#sha256={'0' * 64}"
    chosen = needed(read_lock(_LOCK), wanted(_PROJECT, ["models"]), without_cuda=True)
    assert [package.name for package in chosen] == ["anyio", "big-model", "torch", "web"]
    assert f"\ntorch @ {wheel}\n" in pinned(chosen, wheel)


def test_a_lock_that_lacks_a_package_is_refused() -> None:
    with pytest.raises(ValueError, match=r"requirements\.lock lacks gone; run `make lock`"):
        needed(read_lock(_LOCK), ["web", "gone"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--extra", "nothing"], "locked: no extra 'nothing'; there are bench,"),
        (["--torch-wheel", "https://example.org/torch.whl"], "--torch-wheel: end the address with #sha256="),
        (["--root", "/no/such/folder"], "locked: [Errno 2]"),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], line: str) -> None:
    said = main(["--root", str(ROOT), *arguments])
    assert said is not None
    assert said.startswith(line)
    assert "\n" not in said


def _real(extras: str) -> str:
    script = [sys.executable, str(ROOT / "deploy" / "locked.py"), "--root", str(ROOT), "--extra", extras]
    return subprocess.run(script, capture_output=True, text=True, check=True).stdout


def test_the_real_lock_gives_a_small_and_a_large_part_of_itself() -> None:
    small, large = _real("console,sign"), _real("console,sign,transformers")
    lock = set((ROOT / "requirements.lock").read_text().splitlines())
    assert set(small.splitlines()) < set(large.splitlines()) < lock
    versions = {line.partition("==")[0] for line in small.splitlines() if "==" in line}
    assert {"kafka-python", "redis", "cryptography", "starlette", "scipy"} <= versions
    assert not {"torch", "pytest", "openvino", "pyarrow", "uv"} & versions
    assert "\ntorch==" in large
    assert small.count("--hash=sha256:") > len(versions)
