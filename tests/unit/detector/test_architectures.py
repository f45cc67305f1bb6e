"""Each architecture gives what transformers gives, and the same bits whatever a text is run beside."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.tiny_transformer import random_classifier
from worker.cores import THREADS_VARIABLE
from worker.detector.number_format import torch_format
from worker.detector.running import Fitted, fitting_runner
from worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.detector.calibration import NumberFormat
    from worker.detector.running import Fitted
    from worker.detector.transformer import Runner

MOST_TOKENS: Final = 64
VOCABULARY: Final = 120
FORMATS: Final = ("float32", "bfloat16", "int8")
CORES: Final = (1, 2, 3)

_SMALL: Final = {"vocab_size": VOCABULARY, "num_labels": 2, "pad_token_id": 1, "initializer_range": 0.3}
_ENCODER: Final = _SMALL | {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": MOST_TOKENS,
}
_FROM_BEHIND_PADDING: Final = _ENCODER | {"max_position_embeddings": MOST_TOKENS + 2}
# Layers 0 and 3 see all of a text, the others 8 tokens to each side.
_ALTERNATING: Final = _ENCODER | {
    "num_hidden_layers": 5,
    "global_attn_every_n_layers": 3,
    "local_attention": 16,
    "cls_token_id": 0,
    "sep_token_id": 2,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_RELATIVE: Final = _ENCODER | {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_DISTILLED: Final = _SMALL | {
    "dim": 32,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 64,
    "max_position_embeddings": MOST_TOKENS,
}
_CAUSAL: Final = _SMALL | {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": MOST_TOKENS}


class Architecture(NamedTuple):
    """A family of models, and how its texts are to lie before it; None: as this machine's kernels have it."""

    family: str
    sizes: Mapping[str, Any]
    layout: str | None


ARCHITECTURES: Final = {
    "roberta": Architecture("Roberta", _FROM_BEHIND_PADDING, "packed"),
    "xlm-roberta": Architecture("XLMRoberta", _FROM_BEHIND_PADDING, "packed"),
    "bert": Architecture("Bert", _ENCODER, "packed"),
    "electra": Architecture("Electra", _ENCODER | {"embedding_size": 16}, "packed"),
    "distilbert": Architecture("DistilBert", _DISTILLED, "packed"),
    "modernbert": Architecture("ModernBert", _ALTERNATING | {"classifier_pooling": "cls"}, "packed"),
    # The mean over a text's tokens is taken behind the last layer, by the model's own code.
    "modernbert-mean": Architecture("ModernBert", _ALTERNATING | {"classifier_pooling": "mean"}, "single"),
    "deberta": Architecture("Deberta", _RELATIVE, "padded"),
    "deberta-v3": Architecture(
        "DebertaV2",
        _RELATIVE | {"position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True},
        "padded",
    ),
    "gpt2": Architecture("GPT2", _CAUSAL, "single"),
    # Rows that fill no vectors, and begin at odd addresses: one at a time is the way that is always right.
    "bert-36-wide": Architecture("Bert", _ENCODER | {"hidden_size": 36, "intermediate_size": 70}, None),
    "bert-42-wide": Architecture("Bert", _ENCODER | {"hidden_size": 42, "intermediate_size": 70}, None),
    "deberta-42-wide": Architecture(
        "Deberta", _RELATIVE | {"hidden_size": 42, "intermediate_size": 70}, None
    ),
}
# Its products are no linear layers, so nothing of it would be in int8.
PAIRS: Final = [
    (name, number_format)
    for name in ARCHITECTURES
    for number_format in FORMATS
    if (name, number_format) != ("gpt2", "int8")
]

every_architecture: Final = pytest.mark.parametrize("name", ARCHITECTURES)
every_pair: Final = pytest.mark.parametrize(("name", "number_format"), PAIRS)
few_examples: Final = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _text(length: int, seed: int) -> list[int]:
    """So many token ids, none of them padding."""
    return random.Random(length * 1000 + seed).choices(range(2, VOCABULARY), k=length)  # noqa: S311 - made up


@cache
def _reference(name: str) -> Any:
    family, sizes, _ = ARCHITECTURES[name]
    return random_classifier(family, **sizes)


def _run_by_transformers(name: str, texts: list[list[int]]) -> torch.Tensor:
    """Each text by itself, as transformers runs it."""
    model = _reference(name)
    with torch.inference_mode():
        return torch.cat([model(input_ids=torch.tensor([text])).logits for text in texts]).double()


def _fitted(model: Any, number_format: NumberFormat, cores: int) -> Fitted:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(THREADS_VARIABLE, str(cores))
        return fitting_runner(model, number_format=number_format, most_tokens=MOST_TOKENS)


@cache
def _runner(name: str, number_format: NumberFormat, cores: int) -> Runner:
    family, sizes, _ = ARCHITECTURES[name]
    model = random_classifier(family, **sizes).to(torch_format(number_format))
    return _fitted(model, number_format, cores).runner


@pytest.mark.parametrize("name", [name for name, one in ARCHITECTURES.items() if one.layout is not None])
def test_what_cannot_be_packed_takes_another_way_and_says_why(name: str) -> None:
    family, sizes, expected = ARCHITECTURES[name]
    _, way, refused = _fitted(random_classifier(family, **sizes), "float32", 1)
    assert way == expected
    faster = ("packed", "padded")[: ("packed", "padded", "single").index(way)]
    assert [reason.partition(": ")[0] for reason in refused] == list(faster)
    assert all(reason.partition(": ")[2] for reason in refused)


@every_architecture
@few_examples
@given(lengths=st.lists(st.integers(1, MOST_TOKENS), min_size=1, max_size=12), seed=st.integers(0, 99))
@example(lengths=[MOST_TOKENS], seed=0)
@example(lengths=[1], seed=0)
def test_outputs_are_those_of_transformers(name: str, lengths: list[int], seed: int) -> None:
    texts = [_text(length, seed + place) for place, length in enumerate(lengths)]
    expected = _run_by_transformers(name, texts)
    outputs = _runner(name, "float32", 2).outputs(texts)
    assert outputs.dtype == torch.float64
    assert (outputs - expected).abs().max().item() <= 1e-5


def test_the_outputs_are_of_a_size_at_which_a_difference_shows() -> None:
    for name in ARCHITECTURES:
        outputs = _run_by_transformers(name, [_text(length, 0) for length in range(1, MOST_TOKENS, 7)])
        assert outputs.std().item() > 0.3


POOL: Final = tuple(
    _text(length, 0) for length in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 20, 31, 32, 33, 50, 63, 64)
)


@cache
def _alone(name: str, number_format: NumberFormat) -> list[list[float]]:
    runner = _runner(name, number_format, 1)
    return [runner.outputs([text])[0].tolist() for text in POOL]


def _check_bits(name: str, number_format: NumberFormat, cores: int, places: list[int]) -> None:
    outputs = _runner(name, number_format, cores).outputs([POOL[place] for place in places])
    alone = _alone(name, number_format)
    assert outputs.tolist() == [alone[place] for place in places]


@every_pair
@few_examples
@given(
    cores=st.sampled_from(CORES),
    places=st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=24),
)
@example(cores=2, places=list(range(len(POOL))))
@example(cores=1, places=list(range(len(POOL)))[::-1])
@example(cores=1, places=[0])
@example(cores=1, places=[0, 1])
@example(cores=3, places=[2, 4, 3])
@example(cores=1, places=[1] * 9)
def test_a_text_has_the_same_bits_beside_any_others(
    name: str, number_format: NumberFormat, cores: int, places: list[int]
) -> None:
    _check_bits(name, number_format, cores, places)


@pytest.mark.parametrize("number_format", FORMATS)
def test_the_threads_that_torch_had_before_do_not_matter(number_format: NumberFormat) -> None:
    family, sizes, _ = ARCHITECTURES["roberta"]
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        model = random_classifier(family, **sizes).to(torch_format(number_format))
        outputs = _fitted(model, number_format, 2).runner.outputs(POOL)
        assert outputs.tolist() == _alone("roberta", number_format)


@pytest.mark.parametrize("number_format", ["float32", "int8"])
def test_the_bits_stay_at_the_width_of_roberta_base(number_format: NumberFormat) -> None:
    sizes = _FROM_BEHIND_PADDING | {
        "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "initializer_range": 0.1
    }  # fmt: skip
    runner = _fitted(random_classifier("Roberta", **sizes), number_format, 2).runner
    texts = POOL[:14]
    alone = [runner.outputs([text])[0].tolist() for text in texts]
    chance = random.Random(3)  # noqa: S311 - made-up packs
    for _ in range(30):
        places = chance.choices(range(len(texts)), k=chance.randint(1, 8))
        assert runner.outputs([texts[place] for place in places]).tolist() == [
            alone[place] for place in places
        ]


def test_the_texts_of_the_formats_are_told_apart() -> None:
    """Else the bits above would say nothing of a format: what ran would be float32 each time."""
    for name in ("roberta", "deberta-v3"):
        whole, half, eighth = (_alone(name, number_format) for number_format in FORMATS)
        assert whole != half != eighth != whole


@pytest.mark.parametrize(
    ("family", "sizes"), [("GPT2", _CAUSAL), ("Albert", _ENCODER | {"embedding_size": 16})]
)
def test_a_model_of_which_nothing_would_be_in_int8_is_refused(family: str, sizes: Mapping[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"^settings: detector\.dtype 'int8'.*[^\n]$"):
        _fitted(random_classifier(family, **sizes), "int8", 1)
