"""The encoder with what stands on it in training, and the loss of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from worker.errors import DetectorError
from worker.lab.encoder.adversary import AuthorAdversary
from worker.lab.encoder.contrast import contrastive_loss
from worker.lab.encoder.distillation import soft_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.lab.encoder.batches import Batch
    from worker.lab.encoder.recipe import Recipe

_OUTPUTS = 2


class Trainee(nn.Module):
    """A classifier, and a head that tells authors apart where a recipe asks for one.

    Args:
        model: a transformers sequence classifier with two outputs, with or without adapters.
        recipe: the losses and their weights.
        machine: which of the outputs means `machine`.
        authors: whether each author that counts is a machine.
    """

    def __init__(self, model: Any, recipe: Recipe, machine: int, authors: Sequence[bool]) -> None:
        super().__init__()
        self.model = model
        self._recipe = recipe
        self._machine = machine
        self._features: Tensor | None = None
        last = _last_layer(model)
        last.register_forward_pre_hook(self._note)
        adversarial = bool(recipe.adversarial_authors and authors)
        self.adversary = AuthorAdversary(last.in_features, authors) if adversarial else None

    def forward(self, batch: Batch, strength: float) -> Tensor:
        """The loss of a batch, summed over its texts.

        Args:
            batch: on the model's device.
            strength: of the reversed gradient, from 0 to 1.
        """
        recipe = self._recipe
        targets = soft_targets(batch.machine, batch.teacher, recipe.distil)
        loss = binary_cross_entropy_with_logits(self.logits(batch), targets, reduction="sum")
        if self.adversary is not None:
            of_authors = self.adversary.loss(self._seen_features(), batch.authors, batch.machine, strength)
            loss = loss + recipe.adversarial_authors * of_authors
        if recipe.contrastive:
            loss = loss + recipe.contrastive * contrastive_loss(self._seen_features(), batch.machine)
        return loss

    def logits(self, batch: Batch) -> Tensor:
        """The log-odds that a machine wrote each text, shape (texts,), float32."""
        outputs = self.model(input_ids=batch.tokens, attention_mask=batch.seen).logits.float()
        difference: Tensor = outputs[:, self._machine] - outputs[:, 1 - self._machine]
        return difference

    def trained(self) -> dict[str, nn.Parameter]:
        """What is learned, by name."""
        return {name: one for name, one in self.named_parameters() if one.requires_grad}

    def _note(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        del module
        self._features = inputs[0]

    def _seen_features(self) -> Tensor:
        features = self._features
        assert features is not None  # noqa: S101 - the model has just run
        if features.dim() != _OUTPUTS:
            raise DetectorError(
                "train: this model's classifier looks at every token, so --adversarial-authors and "
                "--contrastive have no features of a whole text to work on; leave them out"
            )
        return features


def _last_layer(model: nn.Module) -> nn.Linear:
    """The layer whose outputs are the two labels'."""
    layers = [
        one
        for one in model.modules()
        if isinstance(one, nn.Linear) and one.out_features == _OUTPUTS and one.weight.requires_grad
    ]
    if not layers:
        raise DetectorError("train: this model has no classifier of two outputs that can be trained")
    return layers[-1]


def with_decay(trained: dict[str, nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Parameter groups for AdamW: matrices decay, biases and norms don't."""
    matrices = [one for one in trained.values() if one.dim() > 1]
    others = [one for one in trained.values() if one.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def copied(parameters: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """The values as they are now, on the CPU."""
    return {name: one.detach().to("cpu", copy=True) for name, one in parameters.items()}


def put_back(parameters: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    """Gives parameters the values of the same names."""
    with torch.no_grad():
        for name, one in parameters.items():
            one.copy_(values[name])
