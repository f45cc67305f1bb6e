from __future__ import annotations

from typing import Any, Final

import pytest
import torch
from torch import nn

from tests.support.tiny_transformer import TINY, random_classifier
from worker.detector.fused_activation import GeluLinear, fuse_gelu

SIZES: Final = TINY | {"pad_token_id": 0}
IDS: Final = torch.arange(2, 34)[None]
# How far the tangent's approximation is off, at most.
APART: Final = 5e-4


def outputs(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=IDS).logits
    return logits


@pytest.mark.parametrize("family", ["Bert", "Roberta", "Electra"])
def test_every_layer_is_fused_and_the_outputs_stay_near(family: str) -> None:
    model = random_classifier(family, **SIZES)
    before = outputs(model)
    assert fuse_gelu(model) == SIZES["num_hidden_layers"]
    assert fuse_gelu(model) == 0
    torch.testing.assert_close(outputs(model), before, atol=2e-2, rtol=0)
    # What is compared is large enough to tell.
    assert before.abs().max() > 0.2


@pytest.mark.parametrize(
    ("family", "more"),
    [("Bert", {"hidden_act": "relu"}), ("Bert", {"hidden_act": "gelu_new"}), ("ModernBert", {})],
)
def test_what_is_no_such_pair_stays_as_it_is(family: str, more: dict[str, object]) -> None:
    model = random_classifier(family, **SIZES | more)
    before = outputs(model)
    assert fuse_gelu(model) == 0
    assert torch.equal(outputs(model), before)


def test_it_is_gelu_of_the_linear_layer_as_near_as_half_precision_tells() -> None:
    linear = nn.Linear(1, 1)
    with torch.inference_mode():
        linear.weight.fill_(1)
        linear.bias.fill_(0.5)
        hidden = torch.linspace(-6, 6, 2_000).view(2, 1_000, 1)
        fused = GeluLinear(linear)(hidden)
        exact = nn.functional.gelu(linear(hidden))
    assert fused.shape == exact.shape
    assert (fused - exact).abs().max() <= APART
