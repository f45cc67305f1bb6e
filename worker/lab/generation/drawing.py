"""Tokens drawn from a model, from a source of chance that each text has to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from torch import Tensor

    from worker.lab.generation.model import LanguageModel
    from worker.lab.generation.recipe import Draft
    from worker.lab.generation.sampling import Sampling


class Stopped(Exception):  # noqa: N818 - it says that nobody waits for the text any more, not that it failed
    """The text is not wanted any more."""


def new_tokens(
    language: LanguageModel, begin: Sequence[int], draft: Draft, temperature: float, stopped: Event
) -> list[int]:
    """What the model goes on with: at least one token, and its end token last if it ended by itself.

    transformers' `generate` draws from the process's one source of chance, so that a text would depend on
    those beside it. Here it runs greedily, over predictions of which one token, drawn before, is left:
    texts can be made side by side, and a token is drawn on the CPU whatever the model's device.

    Args:
        language: the model.
        begin: the tokens that it goes on from, at least one.
        draft: what was decided for this text.
        temperature: logits are divided by it.
        stopped: once it is set, the text is given up.

    Raises:
        Stopped: as said.
        RuntimeError: whatever torch raises, among it that memory is short or a prediction no number.
    """
    ids = torch.tensor([list(begin)], device=language.model.device)
    config = GenerationConfig(
        do_sample=False,
        # An end at once would leave a text that is nothing but its prompt.
        min_new_tokens=1,
        max_new_tokens=draft.most_new_tokens,
        eos_token_id=list(language.ends) or None,
        pad_token_id=language.ends[0] if language.ends else None,
    )
    generator = torch.Generator().manual_seed(draft.seed)

    def draw(_: Tensor, scores: Tensor) -> Tensor:
        if stopped.is_set():
            raise Stopped
        token = torch.multinomial(scores.softmax(-1).cpu(), 1, generator=generator)
        return torch.full_like(scores, -torch.inf).scatter_(1, token.to(scores.device), 0.0)

    with torch.inference_mode():
        made = language.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=config,
            logits_processor=LogitsProcessorList([*narrowing(draft.sampling, temperature), draw]),
        )
    tokens: list[int] = made[0, len(begin) :].tolist()
    return tokens


def narrowing(sampling: Sampling, temperature: float) -> list[Callable[..., Any]]:
    """What is done to logits before a token is drawn, in the order in which transformers does it."""
    steps: list[Callable[..., Any]] = []
    if temperature != 1:
        steps.append(TemperatureLogitsWarper(temperature))
    if sampling.top_k is not None:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p is not None:
        steps.append(TopPLogitsWarper(sampling.top_p))
    return steps
