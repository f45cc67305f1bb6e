"""Linear layers in 8-bit integers: weights by output channel, activations by row.

Every row of the activations (one token) has a scale of its own, taken when it is computed. So a token's
result depends on that token alone, no texts are needed to find ranges beforehand, and one outlier costs its
own row's precision and no other's. The scheme is that of Dettmers et al., "LLM.int8()" (2022), section 2.1,
without its outlier decomposition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

_ACTIVATION_LEVELS: Final = 127
_ZERO: Final = 128
# For rows of zeros: small, and its reciprocal is still a number.
_LEAST: Final = 1e-30
# Without instructions for it (VNNI) two products are added in 16 bits, which 8-bit weights would overflow.
_WEIGHT_LEVELS: Final = 127
_WEIGHT_LEVELS_IN_16_BITS: Final = 63


class Int8Linear(nn.Module):
    """Takes the place of a `torch.nn.Linear`. float32 in, float32 out.

    Args:
        linear: the layer, float32, on the CPU.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        levels = _WEIGHT_LEVELS if _adds_in_32_bits() else _WEIGHT_LEVELS_IN_16_BITS
        scales = weight.abs().amax(1).clamp_min(_LEAST) / levels
        rounded = (weight / scales[:, None]).round().to(torch.int8)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._weight = torch.ops.onednn.qlinear_prepack(rounded, None)
        self._scales = scales
        # A layer without one has None, whatever torch's annotation says.
        bias: Tensor | None = linear.bias
        self._bias = torch.zeros(linear.out_features) if bias is None else bias.detach().float()
        self._middle = torch.tensor(_ZERO + 0.5)
        self._one = torch.ones(1)
        self._zero = torch.tensor([_ZERO], dtype=torch.int32)
        self._no_zeros = torch.zeros(linear.out_features, dtype=torch.int32)

    def forward(self, rows: Tensor) -> Tensor:
        """Shape (..., in_features) to (..., out_features)."""
        flat = rows.reshape(-1, self.in_features)
        largest = torch.maximum(flat.amax(1, keepdim=True), flat.amin(1, keepdim=True).neg_())
        step = largest.clamp_min_(_LEAST).div_(_ACTIVATION_LEVELS)
        # Half a level more, as the conversion cuts off instead of rounding.
        levels = torch.addcmul(self._middle, flat, step.reciprocal()).to(torch.uint8)
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            levels,
            self._one,
            self._zero,
            self._weight,
            self._scales,
            self._no_zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return torch.addcmul(self._bias, product, step).reshape(*rows.shape[:-1], self.out_features)


def quantise(layers: nn.Module) -> int:
    """Puts an `Int8Linear` in the place of every linear layer beneath `layers`; returns how many."""
    replaced = 0
    for name, child in list(layers.named_children()):
        if isinstance(child, nn.Linear):
            setattr(layers, name, Int8Linear(child))
            replaced += 1
        else:
            replaced += quantise(child)
    return replaced


def _adds_in_32_bits() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_vnni") or capabilities.get("avx_vnni") or _is_arm())


def _is_arm() -> bool:
    return str(torch.cpu.get_capabilities().get("architecture")) == "aarch64"
