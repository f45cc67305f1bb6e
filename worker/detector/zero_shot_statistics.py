"""The zero-shot statistics of texts under a causal language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from worker.cores import usable_cores
from worker.detector.fixed_shape import OneByOne
from worker.detector.streams import Streams
from worker.detector.zero_shot import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.detector.transformer import Runner
    from worker.detector.zero_shot import Statistic

# Positions whose whole vocabularies are reckoned with at a time: 64 of 50,000 tokens are 13 MB in float32.
_ROWS: Final = 64


def statistics_of(logits: Tensor, tokens: Tensor) -> Tensor:
    """The statistics of one text.

    Args:
        logits: what the model says of each token, shape (tokens, vocabulary), any floating-point format.
        tokens: the token ids, shape (tokens,).

    Returns:
        In the order of `STATISTICS`, shape (statistics,), float64.
    """
    parts = zip(torch.split(logits, _ROWS), torch.split(tokens, _ROWS), strict=True)
    rows = torch.cat([_rows(some.float(), these) for some, these in parts]).double()
    log_probability, expected, variance, log_rank = rows.unbind(-1)
    spread = variance.sum().sqrt()
    # Where the model is sure of every token, nothing is likelier than what it would have drawn.
    curvature = torch.where(spread > 0, (log_probability.sum() - expected.sum()) / spread, 0.0)
    return torch.stack([curvature, log_probability.mean(), -log_rank.mean(), -expected.mean()])


def _rows(logits: Tensor, tokens: Tensor) -> Tensor:
    """Each token's log-probability, its expectation, its variance, the logarithm of its rank.

    Shape (tokens, 4), float32.
    """
    everything = logits.log_softmax(-1)
    chosen = everything.gather(-1, tokens[:, None])
    probabilities = everything.exp()
    expected = (probabilities * everything).sum(-1, keepdim=True)
    variance = (probabilities * (everything - expected) ** 2).sum(-1, keepdim=True)
    rank = (everything > chosen).sum(-1, keepdim=True) + 1
    return torch.cat([chosen, expected, variance, rank.log()], dim=-1)


class Statistics:
    """Runs a language model over one text at a time, so that nothing of a text depends on another.

    Args:
        model: a causal language model, on its device.
    """

    name = "single"

    def __init__(self, model: Any) -> None:
        self._model = model

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The statistics of each text, shape (texts, statistics), float64, on the model's device."""
        return torch.stack([self._one(text) for text in texts])

    def _one(self, text: Sequence[int]) -> Tensor:
        ids = torch.tensor([text], device=self._model.device)
        if len(text) < 2:  # noqa: PLR2004 - the first token is not expected by anything
            return torch.zeros(len(STATISTICS), dtype=torch.float64, device=ids.device)
        logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
        return statistics_of(logits[0, :-1], ids[0, 1:])


class LanguageModel:
    """A language model that several detectors may share, each for another statistic of the same texts.

    What it found for the latest texts is kept, so that the second detector costs no further run.

    Args:
        model: a causal language model, on its device.
        tokenizer: its tokenizer.
        longest: most tokens of a text that it takes.
        token_budget: tokens of one run on a GPU.

    Attributes:
        tokenizer: as above.
        longest: as above.
        batch_tokens: tokens of one call beyond which it gets no faster.
        on_gpu: whether it runs on a GPU.
    """

    def __init__(self, model: Any, *, tokenizer: Any, longest: int, token_budget: int) -> None:
        self.tokenizer = tokenizer
        self.longest = longest
        self._runner: Runner = (
            Streams(Statistics(model), usable_cores())
            if model.device.type == "cpu"
            else OneByOne(Statistics(model), tokens=token_budget)
        )
        self.batch_tokens = self._runner.batch_tokens
        self.on_gpu = self._runner.on_gpu
        self._latest: dict[tuple[int, ...], Tensor] = {}

    def statistics(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The statistics of each text, shape (texts, statistics), float64, on the CPU.

        Raises:
            RuntimeError: whatever torch raises on a text, among it that memory is short.
        """
        asked = [tuple(text) for text in texts]
        known = self._latest
        fresh = [text for text in dict.fromkeys(asked) if text not in known]
        found = dict(zip(fresh, self._runner.outputs(fresh), strict=True)) if fresh else {}
        self._latest = {text: found[text] if text in found else known[text] for text in asked}
        return torch.stack([self._latest[text] for text in asked])


class StatisticRunner:
    """One statistic as a classifier's outputs: 0 for the human, the statistic for the machine.

    Args:
        language_model: what it is taken from.
        statistic: which.
    """

    def __init__(self, language_model: LanguageModel, statistic: Statistic) -> None:
        self.batch_tokens = language_model.batch_tokens
        self.on_gpu = language_model.on_gpu
        self._language_model = language_model
        self._place = STATISTICS.index(statistic)

    def outputs(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Shape (texts, 2), float64, on the CPU."""
        statistic = self._language_model.statistics(texts)[:, self._place]
        return torch.stack([torch.zeros_like(statistic), statistic], dim=1)
