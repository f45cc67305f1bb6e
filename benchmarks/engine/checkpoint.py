"""Writes a model with random weights, and a tokenizer that knows made-up words, as transformers does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from benchmarks.engine.words import BEGIN, END, FIRST_WORD, PADDING, SPECIAL_TOKENS, word

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.engine.shapes import Shape

MOST_TOKENS: Final = 512
_SEED: Final = 0


def write_checkpoint(folder: Path, shape: Shape) -> None:
    """Writes a classifier of this shape, labels `human` and `machine`; the same weights every time."""
    transformers.utils.logging.disable_progress_bar()
    _tokenizer(shape.vocabulary).save_pretrained(folder)
    random_classifier(shape).save_pretrained(folder)


def random_classifier(shape: Shape) -> Any:
    """A classifier of this shape, float32, on the CPU; the same weights every time."""
    config = getattr(transformers, f"{shape.family}Config")(
        vocab_size=shape.vocabulary,
        num_hidden_layers=shape.layers,
        hidden_size=shape.width,
        intermediate_size=shape.inner_width,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.positions,
        type_vocab_size=1 if shape.family == "Roberta" else 2,
        layer_norm_eps=1e-5 if shape.family == "Roberta" else 1e-12,
        initializer_range=shape.weight_spread,
        bos_token_id=BEGIN,
        pad_token_id=PADDING,
        eos_token_id=END,
        id2label={0: "human", 1: "machine"},
        label2id={"human": 0, "machine": 1},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return getattr(transformers, f"{shape.family}ForSequenceClassification")(config)


def _tokenizer(vocabulary: int) -> transformers.PreTrainedTokenizerFast:
    words = [*SPECIAL_TOKENS, *(word(token) for token in range(FIRST_WORD, vocabulary))]
    tokenizer = Tokenizer(
        models.WordLevel({text: token for token, text in enumerate(words)}, unk_token="<unk>")  # noqa: S106 - a token of a text
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # A pair is read as one text, for an engine that takes nothing but pairs.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A $B </s>", special_tokens=[("<s>", BEGIN), ("</s>", END)]
    )
    named = dict(zip(("bos", "pad", "eos", "unk", "mask"), SPECIAL_TOKENS, strict=True))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=MOST_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
        cls_token="<s>",  # noqa: S106 - a token of a text
        sep_token="</s>",  # noqa: S106 - a token of a text
        **{f"{name}_token": token for name, token in named.items()},
    )
