"""Transformers models with random weights, and tokenizers trained on a few made-up sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SENTENCES: Final = (
    "The bus was late again and nobody on it seemed to mind very much.",
    "We walked home in the rain, which was warmer than we had thought.",
    "A good tent costs less than a bad night.",
)
_SPECIAL: Final = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_SMALL: Final = {"num_labels": 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_ENCODER: Final = _SMALL | {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    # Random weights of the usual size would give logits of nearly zero.
    "initializer_range": 0.5,
}


# Of `random_classifier`, where nothing depends on them.
TINY: Final = {
    "vocab_size": 50,
    "num_labels": 2,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "initializer_range": 0.3,
}


def save_roberta(folder: Path, labels: Sequence[str] = ("human", "machine"), positions: int = 34) -> Path:
    """A RoBERTa that sees `positions - 2` tokens, and a byte-level tokenizer."""
    tokenizer = _byte_level()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return _save(folder, "Roberta", tokenizer, labels, _ENCODER | {"max_position_embeddings": positions})


def save_bert(folder: Path, labels: Sequence[str] = ("human", "machine"), positions: int = 32) -> Path:
    """A BERT that sees `positions` tokens, and a WordPiece tokenizer."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))  # noqa: S106 - a token of a text
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    return _save(folder, "Bert", tokenizer, labels, _ENCODER | {"max_position_embeddings": positions})


def save_xlm_roberta(folder: Path, labels: Sequence[str] = ("human", "machine")) -> Path:
    """An XLM-RoBERTa that sees 32 tokens, and a Unigram tokenizer: whole words and their likely parts."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=_SPECIAL,
        unk_token="<unk>",  # noqa: S106 - as above
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return _save(folder, "XLMRoberta", tokenizer, labels, _ENCODER | {"max_position_embeddings": 34})


def save_gpt2(folder: Path, labels: Sequence[str] = ("human", "machine")) -> Path:
    """A GPT-2, whose tokenizer adds nothing to a text."""
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 32, "initializer_range": 0.5}
    return _save(folder, "GPT2", _byte_level(), labels, _SMALL | sizes)


def random_classifier(family: str, **sizes: Any) -> Any:
    """A classifier in memory, the same at each call; `family` as in transformers' class names: `Bert`."""
    config = getattr(transformers, f"{family}Config")(**sizes)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = getattr(transformers, f"{family}ForSequenceClassification")(config)
    return model.eval()


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106 - a token of a text
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _save(
    folder: Path, family: str, tokenizer: Tokenizer, labels: Sequence[str], sizes: dict[str, Any]
) -> Path:
    transformers.utils.logging.disable_progress_bar()
    names = dict(zip(("bos", "pad", "eos", "unk", "mask"), _SPECIAL, strict=True))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{name}_token": token for name, token in names.items()}
    )
    fast.save_pretrained(folder)
    names_of = {"id2label": dict(enumerate(labels)), "num_labels": len(labels)}
    random_classifier(family, vocab_size=len(fast), **sizes | names_of).save_pretrained(folder)
    return folder
