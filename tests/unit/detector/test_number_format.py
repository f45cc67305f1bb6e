from __future__ import annotations

import pytest
import torch

from worker.detector.number_format import check_offered, native_format, torch_format
from worker.errors import SettingsError

CPU = torch.device("cpu")


@pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_cpu_that_computes_in_bfloat16_does_so(monkeypatch: pytest.MonkeyPatch, capability: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
    assert native_format(CPU) == "bfloat16"


def test_any_other_cpu_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert native_format(CPU) == "float32"


@pytest.mark.parametrize(
    ("capability", "number_format"), [((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_a_gpu_computes_in_its_own_half(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], number_format: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert native_format(torch.device("cuda:0")) == number_format


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("number_format", ["float32", "bfloat16", "float16", "int8"])
def test_what_a_device_does_not_offer_is_told_in_one_line(number_format: str, device: str) -> None:
    refused = {("float16", "cpu"), ("int8", "cuda")}
    if (number_format, device) not in refused:
        check_offered(number_format, torch.device(device))  # type: ignore[arg-type]  # one of the names
        return
    with pytest.raises(SettingsError) as caught:
        check_offered(number_format, torch.device(device))  # type: ignore[arg-type]  # as above
    said = str(caught.value)
    assert said.startswith(f"settings: detector.dtype {number_format!r} ")
    assert "set auto" in said
    assert "\n" not in said


def test_between_the_linear_layers_int8_is_float32() -> None:
    assert torch_format("int8") == torch_format("float32") == torch.float32
    assert torch_format("bfloat16") == torch.bfloat16
