from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
import transformers
from tokenizers import decoders

from tests.support.tiny_language_model import save_language_model
from tests.support.tiny_transformer import SENTENCES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """What several threads add up may differ in its last bits from what the writer's one does."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of random weights that sees 32 tokens."""
    folder = save_language_model(tmp_path_factory.mktemp("model") / "tiny")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # Detectors read texts alone and so need none.
    tokenizer.backend_tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve human texts, of each three documents."""
    path = tmp_path_factory.mktemp("prompts") / "human.jsonl"
    rows = [
        {
            "text": f"{sentence} {number} times it was so.",
            "label": "human",
            "source": "weather:reports",
            "doc": f"d{number}{place}",
            "domain": "news",
        }
        for number in range(4)
        for place, sentence in enumerate(SENTENCES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
