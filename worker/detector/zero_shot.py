"""What a zero-shot detector's `detector.json` says of it: a statistic, and the language model behind it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from worker.detector.relative_path import check_inside

Statistic = Literal["curvature", "mean-log-probability", "mean-log-rank", "mean-entropy"]
STATISTICS: Final[tuple[Statistic, ...]] = get_args(Statistic)


class ZeroShot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a text is one that a language model would have written, without training on labelled texts.

    The statistics, each of the tokens that have another one before them, and each with the sign with which
    its paper takes it to speak for a machine:

    - `curvature`: conditional probability curvature, how much likelier the tokens are than what the model
      itself would have drawn in their places, in standard deviations (Bao et al., "Fast-DetectGPT", ICLR
      2024; its analytic form, with one model that scores and samples).
    - `mean-log-probability`: of the tokens, in nats.
    - `mean-log-rank`: less the mean logarithm of the tokens' ranks among all tokens, 1 being the likeliest
      (Gehrmann et al., "GLTR", ACL 2019).
    - `mean-entropy`: of what the model expects, in nats (a baseline of Mitchell et al., "DetectGPT", 2023).

    A text with fewer than two tokens has the statistic 0.

    Attributes:
        statistic: which.
        model: path of the language model inside the directory: a directory that transformers'
            `save_pretrained` wrote (`.` for this one), or a GGUF file.
        max_tokens: tokens of a text that are looked at, from its beginning; fewer where the model takes
            fewer.
    """

    statistic: Statistic
    model: str
    max_tokens: Annotated[int, Meta(ge=2)] = 512

    def __post_init__(self) -> None:
        check_inside(self.model)
