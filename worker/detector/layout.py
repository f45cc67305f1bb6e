"""How texts lie before a model: packed without padding, padded to a few lengths, or one at a time.

All three give a text the same logit whatever else is run beside it. Matrix products see to that by
themselves as long as they have enough rows: with fewer, the libraries take another way through the sum.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np
import torch

from worker.detector.attention import (
    PACKED,
    Bounds,
    Kernel,
    Pack,
    UnfitModelError,
    current,
    register,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

# Rows below which products may add up in another order: seen with up to 3 rows on one thread of an AVX2
# machine, 15 on several threads and on AVX-512.
LEAST_ROWS: Final = 16
# Padded lengths are multiples of this, so a text's padding depends on its own length alone.
_LENGTH_STEP: Final = 16


class Layout(Protocol):
    """Runs a model over texts.

    Attributes:
        name: a short name for people and for the digest.
    """

    name: str

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The classifier's outputs for each text, in order.

        Args:
            texts: token ids of each text, none empty.

        Returns:
            Shape (texts, labels), on the model's device.
        """
        ...


class Single:
    """One text at a time: any classifier."""

    name = "single"

    def __init__(self, model: Any) -> None:
        self._model = model

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """As `Layout` says."""
        return torch.cat([self._one(text) for text in texts])

    def _one(self, text: Sequence[int]) -> Tensor:
        ids = torch.tensor([text], device=self._model.device)
        outputs: Tensor = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return outputs


class Padded:
    """Texts of about the same length together, padded: for models that reckon attention in their own way.

    Args:
        model: a classifier that reads a text from its first token.
        most_tokens: longest text.
        fixed_tokens: rows of every run, padding included; None: as many as there are.
    """

    name = "padded"

    def __init__(self, model: Any, *, most_tokens: int, fixed_tokens: int | None = None) -> None:
        self._model = model
        self._most = most_tokens
        self._fixed = fixed_tokens
        self._last = _narrow(model)

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """As `Layout` says."""
        places: dict[int, list[int]] = {}
        for place, text in enumerate(texts):
            length = min(self._most, -(-len(text) // _LENGTH_STEP) * _LENGTH_STEP)
            places.setdefault(length, []).append(place)
        order: list[int] = []
        parts: list[Tensor] = []
        for length, alike in places.items():
            at_once = len(alike) if self._fixed is None else max(1, self._fixed // length)
            for begin in range(0, len(alike), at_once):
                group = alike[begin : begin + at_once]
                order += group
                parts.append(self._group([texts[place] for place in group], length, at_once))
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[back.to(self._model.device)]

    def _group(self, texts: Sequence[Sequence[int]], length: int, at_once: int) -> Tensor:
        rows = at_once if self._fixed is not None else max(len(texts), -(-LEAST_ROWS // length))
        ids = torch.full((rows, length), self._model.config.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        mask[len(texts) :, 0] = 1  # a row that sees nothing at all would give NaN
        device = self._model.device
        first = _with_spare_rows(torch.arange(rows) * length).to(device)
        with running(Pack(first, self._last)):
            outputs: Tensor = self._model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        return outputs[: len(texts)]


class Inputs(NamedTuple):
    """A pack as tensors.

    Attributes:
        ids: token ids, shape (1, tokens).
        positions: each token's place in its text, as the model counts, shape (1, tokens).
        starts: the texts' first rows and the last one's end, int32, shape (texts + 1).
        first: first rows once more, as many as the classifier is to see: not fewer.
    """

    ids: Tensor
    positions: Tensor
    starts: Tensor
    first: Tensor

    def on(self, device: torch.device) -> Inputs:
        """The same on a device."""
        return Inputs(*(tensor.to(device) for tensor in self))


class Packed:
    """All texts one behind the other, without padding.

    Args:
        model: a classifier that reads a text from its first token and takes its attention from transformers'
            `AttentionInterface`.
        first_position: position of a text's first token, as the model counts.
        fixed_tokens: rows of every run; None: as many as there are.
        fixed_texts: texts of every run, with `fixed_tokens`; at least `LEAST_ROWS`.
        kernel: attention that takes all texts at once; None: torch's own, one text after the other.
        longest: most tokens of a text, with `kernel`.
    """

    name = "packed"

    def __init__(  # noqa: PLR0913 - what a device asks for
        self,
        model: Any,
        *,
        first_position: int,
        fixed_tokens: int | None = None,
        fixed_texts: int = 0,
        kernel: Kernel | None = None,
        longest: int = 0,
    ) -> None:
        register()
        model.set_attn_implementation(PACKED)
        self._model = model
        self._first_position = first_position
        self._tokens = fixed_tokens
        self._texts = fixed_texts
        self._kernel = kernel
        self._longest = longest
        self._last = _narrow(model)
        self._layers = model.config.num_hidden_layers

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """As `Layout` says.

        Raises:
            UnfitModelError: the model has layers that do not take their attention from transformers.
        """
        calls: list[None] = []
        outputs = self.run(self.inputs(texts).on(self._model.device), calls)
        if len(calls) != self._layers:
            raise UnfitModelError(f"{len(calls)} of {self._layers} layers take this attention")
        return outputs[: len(texts)]

    def inputs(self, texts: Sequence[Sequence[int]], places: int | None = None) -> Inputs:
        """A pack as tensors, on the CPU.

        Args:
            texts: token ids of each text, none empty.
            places: texts in `Inputs.starts`, those of no token among them, where the layout's size is fixed;
                None: as many as it was made for.
        """
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        ends = lengths.cumsum()
        used = int(ends[-1])
        filler = _spare_rows(used) if self._tokens is None else self._tokens - used
        rows = used + filler
        ids = np.full(rows, texts[0][0])
        ids[:used] = np.fromiter(chain.from_iterable(texts), np.int64, used)
        begins = ends - lengths
        positions = np.full(rows, self._first_position)
        positions[:used] += np.arange(used) - begins.repeat(lengths)
        first = torch.from_numpy(begins)
        if self._tokens is None:
            starts = np.concatenate([begins, [used, rows]])
            first = _with_spare_rows(first)
        else:
            # Texts of no token fill the rest; the filler's rows belong to none, and nothing reads them.
            starts = np.full((self._texts if places is None else places) + 1, used)
            starts[: len(texts)] = begins
            first = torch.cat([first, torch.zeros(self._texts - len(texts), dtype=torch.long)])
        return Inputs(
            torch.from_numpy(ids)[None],
            torch.from_numpy(positions)[None],
            torch.from_numpy(starts.astype(np.int32)),
            first,
        )

    def run(self, inputs: Inputs, calls: list[None] | None = None, longest: int | None = None) -> Tensor:
        """The classifier's outputs for each row of `inputs.first`.

        Args:
            inputs: as `inputs` makes them, on the model's device.
            calls: one entry is added for each layer whose attention this is.
            longest: most tokens of a text among these; None: of any.
        """
        ids, positions, starts, first = inputs
        bounds = None
        if self._kernel is not None:
            one_each = torch.arange(len(starts), dtype=torch.int32, device=starts.device)
            bounds = Bounds(self._kernel, starts, one_each, self._longest if longest is None else longest)
        pack = Pack(first, self._last, None if bounds else starts.tolist(), bounds, calls)
        with running(pack):
            outputs: Tensor = self._model(
                input_ids=ids, position_ids=positions, **self._zeros_for_types(ids)
            ).logits
        return outputs

    def _zeros_for_types(self, ids: Tensor) -> dict[str, Tensor]:
        # Left to themselves these models look the types up in a table that ends with the longest text.
        if getattr(self._model.config, "type_vocab_size", 0):
            return {"token_type_ids": torch.zeros_like(ids)}
        return {}


def _spare_rows(used: int) -> int:
    """How many rows are added to so many: one at the least.

    Vector instructions leave the end of a tensor to other ones, which round otherwise, where its size is no
    multiple of theirs. That end must not be a text's.
    """
    return max(1, LEAST_ROWS - used)


def _with_spare_rows(first: Tensor) -> Tensor:
    """First rows, the very first of them repeated at the end."""
    return torch.cat([first, first[:1].expand(_spare_rows(len(first)))])


def _narrow(model: Any) -> frozenset[nn.Module]:
    """From the last layer on, lets only first tokens through; returns that layer's modules.

    Raises:
        UnfitModelError: the model's layers are not where such models have theirs.
    """
    layers = layers_of(model)
    last = layers[-1]
    modules = frozenset(last.modules())
    if getattr(last, "_narrowed", False):
        return modules
    last._narrowed = True  # noqa: SLF001 - a mark of ours, on another's module
    after_attention = getattr(getattr(last, "attention", None), "output", None) or getattr(
        last, "sa_layer_norm", None
    )
    if after_attention is not None:
        # What stands behind it in the layer works row by row, so it need not see the others.
        after_attention.register_forward_pre_hook(lambda _, inputs: tuple(map(_first_rows, inputs)))
    else:
        last.register_forward_hook(lambda _, __, output: _first_of(output))
    return modules


def layers_of(model: Any) -> Any:
    """The model's list of layers.

    Raises:
        UnfitModelError: it is not where such models have theirs.
    """
    for module in model.base_model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.config.num_hidden_layers:
            return module
    raise UnfitModelError("no list of layers")


def _first_of(output: Any) -> Any:
    if isinstance(output, tuple):
        return (_first_rows(output[0]), *output[1:])
    return _first_rows(output)


def _first_rows(hidden: Any) -> Any:
    """(texts, tokens, width) or (1, tokens, width) to (rows, 1, width); untouched outside a pack."""
    pack = current()
    if pack is None or not isinstance(hidden, torch.Tensor):
        return hidden
    return hidden.reshape(-1, hidden.shape[-1])[pack.first][:, None]
