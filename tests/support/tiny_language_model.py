"""Causal language models with random weights: a directory of transformers, and a GGUF file."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import gguf
import numpy as np
import torch
import transformers
from tokenizers import pre_tokenizers

from tests.support.tiny_transformer import SENTENCES, save_gpt2
from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest, write_manifest
from worker.detector.zero_shot import ZeroShot

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.zero_shot import Statistic

LONGEST: Final = 32
_WIDTH, _HEADS, _LAYERS, _INNER = 32, 2, 2, 64


def save_language_model(folder: Path) -> Path:
    """A GPT-2 that sees 32 tokens, and a byte-level tokenizer that adds nothing to a text."""
    save_gpt2(folder)
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def save_zero_shot(
    folder: Path,
    model: Path,
    statistic: Statistic = "curvature",
    *,
    calibration: Calibration | None = None,
    max_tokens: int = 512,
) -> Path:
    """A zero-shot detector with a link to its language model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / model.name).symlink_to(model)
    manifest = Manifest(
        format=1,
        kind="zero-shot",
        name=f"tiny-{statistic}",
        labels=("human", "machine"),
        zero_shot=ZeroShot(statistic=statistic, model=model.name, max_tokens=max_tokens),
        calibration=calibration or Calibration(),
    )
    write_manifest(folder, manifest)
    return folder


def write_gguf(path: Path) -> Path:
    """A Llama in one GGUF file, whose tokens are the single bytes and some pairs of letters."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = sorted({a + b for word in " ".join(SENTENCES).split() for a, b in pairwise(word)})
    tokens = ["<|endoftext|>", *letters, *pairs]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(_LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL, *[gguf.TokenType.NORMAL] * (len(tokens) - 1)])
    writer.add_token_merges([f"{pair[0]} {pair[1]}" for pair in pairs])
    for kind in ("bos", "eos", "unk"):
        getattr(writer, f"add_{kind}_token_id")(0)
    random = np.random.default_rng(3)

    def matrix(name: str, *shape: int) -> None:
        values = random.normal(0, 0.5, shape) if len(shape) > 1 else np.ones(shape)
        writer.add_tensor(name, values.astype(np.float32))

    matrix("token_embd.weight", len(tokens), _WIDTH)
    for layer in range(_LAYERS):
        for name in ("q", "k", "v", "output"):
            matrix(f"blk.{layer}.attn_{name}.weight", _WIDTH, _WIDTH)
        matrix(f"blk.{layer}.ffn_gate.weight", _INNER, _WIDTH)
        matrix(f"blk.{layer}.ffn_up.weight", _INNER, _WIDTH)
        matrix(f"blk.{layer}.ffn_down.weight", _WIDTH, _INNER)
        matrix(f"blk.{layer}.attn_norm.weight", _WIDTH)
        matrix(f"blk.{layer}.ffn_norm.weight", _WIDTH)
    matrix("output_norm.weight", _WIDTH)
    matrix("output.weight", len(tokens), _WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
