from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from worker.detector.int8 import Int8Linear, quantise


def linear(inputs: int = 48, outputs: int = 40, *, bias: bool = True) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(inputs)
        return nn.Linear(inputs, outputs, bias=bias)


def rows(count: int, inputs: int = 48, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, inputs, generator=torch.Generator().manual_seed(seed))


def relative_error(layer: nn.Linear, given_rows: torch.Tensor) -> float:
    """Of the products without the bias, by root mean square."""
    with torch.inference_mode():
        bias = layer(torch.zeros(1, layer.in_features)).double()
        wanted = layer(given_rows).double() - bias
        error = Int8Linear(layer)(given_rows).double() - bias - wanted
    return float(error.square().mean().sqrt() / wanted.square().mean().sqrt())


@pytest.mark.parametrize(("inputs", "outputs"), [(48, 40), (768, 64), (33, 7), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_near_the_layer_it_takes_the_place_of(inputs: int, outputs: int, *, bias: bool) -> None:
    # 63 levels of the weights, on processors that add in 16 bits, give 1.2 %; 127 half of it.
    assert relative_error(linear(inputs, outputs, bias=bias), rows(64, inputs)) < 0.02


@pytest.mark.parametrize("size", [1e-25, 1e-6, 1e6, 1e30])
def test_the_size_of_a_row_does_not_matter(size: float) -> None:
    assert relative_error(linear(bias=False), rows(64) * size) < 0.02


def test_an_outlier_harms_its_own_row_alone() -> None:
    layer = linear()
    usual = rows(20)
    with_outlier = usual.clone()
    with_outlier[7, 3] = 1e6
    with torch.inference_mode():
        expected, outputs = Int8Linear(layer)(usual), Int8Linear(layer)(with_outlier)
    others = [row for row in range(20) if row != 7]
    assert torch.equal(outputs[others], expected[others])
    assert outputs[7].isfinite().all()


def test_rows_of_zeros_give_the_bias() -> None:
    layer = linear()
    with torch.inference_mode():
        outputs = Int8Linear(layer)(torch.zeros(17, 48))
    assert torch.equal(outputs, layer.bias.detach().expand(17, -1))
    with torch.inference_mode():
        assert not Int8Linear(linear(bias=False))(torch.zeros(17, 48)).any()


def test_a_channel_whose_weights_are_zero_gives_the_bias() -> None:
    layer = linear()
    with torch.no_grad():
        layer.weight[5] = 0
        outputs = Int8Linear(layer)(rows(17))
    assert torch.equal(outputs[:, 5], layer.bias[5].detach().expand(17))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 19), min_size=16, max_size=60))
def test_a_row_has_the_same_bits_beside_any_others(places: list[int]) -> None:
    layer = Int8Linear(linear())
    pool = rows(20)
    pool[4] *= 1e5
    pool[5] = 0
    with torch.inference_mode():
        assert torch.equal(layer(pool[places]), layer(pool)[places])


def test_leading_dimensions_are_kept() -> None:
    given_rows = rows(24)
    layer = Int8Linear(linear())
    with torch.inference_mode():
        outputs = layer(given_rows.reshape(2, 3, 4, 48))
        assert torch.equal(outputs.reshape(24, 40), layer(given_rows))


def test_every_linear_layer_beneath_is_replaced_and_counted() -> None:
    layers = nn.ModuleList([nn.Sequential(linear(), nn.Tanh(), nn.Sequential(linear(40, 8)))])
    assert quantise(layers) == 2
    assert [type(module) for module in layers.modules() if not list(module.children())] == [
        Int8Linear, nn.Tanh, Int8Linear
    ]  # fmt: skip
    assert quantise(nn.ModuleList([nn.Tanh()])) == 0
