"""How an encoder is trained: all that its weights depend on besides the data."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from worker.detector.preparation import Preparation

Share = Annotated[float, Meta(ge=0, lt=1)]
Count = Annotated[int, Meta(ge=1)]
Weight = Annotated[float, Meta(ge=0)]

# What does well for each way of training. Fewer weights bear larger steps.
_RATE_OF_ALL = 5e-5
_RATE_OF_ADAPTER = 5e-4
_RATE_OF_HEAD = 1e-3


class Recipe(Struct, frozen=True, kw_only=True):
    """How an encoder is trained.

    Attributes:
        name: a short name for people.
        base: the encoder that it begins with: `minilm`, a directory or a hub id.
        revision: the commit of a hub id.
        adapter_rank: rank of the low-rank adapters (LoRA, Hu et al. 2021); 0 trains all weights.
        freeze: whether the encoder stays as it is and only the classifier on top of it learns.
        preparation: what is done to a text before it is tokenised.
        max_tokens: most tokens of a text, those that the tokenizer adds included.
        sampling_methods: whose machine texts are used, by how they were sampled; empty for all.
        generators: whose machine texts are used, by what wrote them; empty for all.
        sources: which sources or families are used; empty for all.
        per_author: most texts of one author in an epoch; None for all.
        epoch_texts: texts drawn in an epoch; None for as many as there are.
        crop_share: how often a text that is long enough is cut to a piece of random length.
        token_dropout: how often a token is hidden.
        hold_out: share of authors, documents and other texts that takes no part at all.
        validation: share of the rest that chooses the best weights.
        validation_texts: most texts that are validated on.
        epochs: rounds through the texts.
        max_steps: steps after which it ends, if that is sooner; None for no such bound.
        max_minutes: minutes of training after which it ends, if that is sooner; None for no such bound.
        batch_texts: texts of a step.
        batch_tokens: tokens with padding that go through the model at once; a step is cut into such parts.
        learning_rate: the highest one.
        weight_decay: AdamW's, for matrices.
        warmup: share of the training over which the learning rate rises.
        clip: largest length of the gradient.
        precision: what is computed in; weights are float32.
        evaluate_every: steps between two validations; None for once an epoch.
        patience: validations without a better one after which it ends; None for never.
        distil: weight of a teacher's word against the label's; 0 without a teacher.
        adversarial_authors: weight of the reversed gradient of a head that tells authors apart.
        contrastive: weight of the supervised contrastive loss.
        seed: of the splits, the draws, the crops, dropout and new weights.
    """

    name: str
    base: str
    revision: str | None = None
    adapter_rank: Annotated[int, Meta(ge=0)] = 0
    freeze: bool = False
    preparation: Preparation = "masked-links"
    max_tokens: Annotated[int, Meta(ge=8)] = 256
    sampling_methods: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    per_author: Count | None = None
    epoch_texts: Count | None = None
    crop_share: Annotated[float, Meta(ge=0, le=1)] = 0.5
    token_dropout: Share = 0.1
    hold_out: Share = 0.2
    validation: Annotated[float, Meta(gt=0, lt=1)] = 0.15
    validation_texts: Count = 2_000
    epochs: Count = 3
    max_steps: Count | None = None
    max_minutes: Annotated[float, Meta(gt=0)] | None = None
    batch_texts: Count = 32
    batch_tokens: Count = 8_192
    learning_rate: Annotated[float, Meta(gt=0)] = _RATE_OF_ALL
    weight_decay: Weight = 0.01
    warmup: Share = 0.06
    clip: Annotated[float, Meta(gt=0)] = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    evaluate_every: Count | None = None
    patience: Count | None = 5
    distil: Annotated[float, Meta(ge=0, le=1)] = 0.0
    adversarial_authors: Weight = 0.0
    contrastive: Weight = 0.0
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0

    def differing(self, other: Recipe) -> list[str]:
        """The names of what another recipe states otherwise."""
        theirs = msgspec.structs.asdict(other)
        return [name for name, value in msgspec.structs.asdict(self).items() if value != theirs[name]]


def usual_learning_rate(*, adapter_rank: int, freeze: bool) -> float:
    """What does well where nobody states another."""
    if freeze:
        return _RATE_OF_HEAD
    return _RATE_OF_ADAPTER if adapter_rank else _RATE_OF_ALL
