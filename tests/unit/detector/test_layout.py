from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.support.tiny_transformer import TINY, random_classifier
from worker.detector.attention import UnfitModelError
from worker.detector.layout import LEAST_ROWS, Packed, Padded, Single, layers_of


def bert(**more: Any) -> Any:
    return random_classifier("Bert", **TINY | {"pad_token_id": 0} | more)


def test_a_pack_s_positions_begin_anew_with_each_text() -> None:
    inputs = Packed(bert(), first_position=2).inputs([[7] * 9, [8] * 11])
    assert inputs.ids[0, :20].tolist() == [7] * 9 + [8] * 11
    assert inputs.positions[0, :20].tolist() == [*range(2, 11), *range(2, 13)]
    assert inputs.starts[:3].tolist() == [0, 9, 20]
    assert inputs.first[:2].tolist() == [0, 9]
    assert inputs.starts.dtype == torch.int32


@pytest.mark.parametrize("lengths", [[1], [3, 4], [15], [16], [17, 18], [1] * 20])
def test_a_text_never_has_the_last_row(lengths: list[int]) -> None:
    inputs = Packed(bert(), first_position=0).inputs([[7] * length for length in lengths])
    rows = max(sum(lengths) + 1, LEAST_ROWS)
    assert inputs.ids.shape == inputs.positions.shape == (1, rows)
    assert inputs.starts[-1] == rows
    assert inputs.first.tolist()[len(lengths) :] == [0] * max(1, LEAST_ROWS - len(lengths))


def test_a_pack_of_fixed_size_has_room_for_texts_of_no_token() -> None:
    layout = Packed(bert(), first_position=0, fixed_tokens=64, fixed_texts=5)
    inputs = layout.inputs([[7] * 9, [8] * 11])
    assert inputs.ids.shape == inputs.positions.shape == (1, 64)
    assert inputs.starts.tolist() == [0, 9, 20, 20, 20, 20]
    assert inputs.first.tolist() == [0, 9, 0, 0, 0]
    fewer = layout.inputs([[7] * 9, [8] * 11], places=3)
    assert fewer.starts.tolist() == [0, 9, 20, 20]
    assert fewer.first.tolist() == [0, 9, 0, 0, 0]
    full = layout.inputs([[7] * 40, [8] * 24])
    assert full.starts.tolist() == [0, 40, 64, 64, 64, 64]


@pytest.mark.parametrize("padding", [None, 0])
def test_a_model_without_a_padding_token_can_be_padded(padding: int | None) -> None:
    texts = [[5] * 3, [6] * 17, [7] * 40, [9]]
    with torch.inference_mode():
        expected = Single(bert(pad_token_id=padding)).outputs(texts)
        outputs = Padded(bert(pad_token_id=padding), most_tokens=40).outputs(texts)
    torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=0)


def test_one_model_can_be_laid_out_in_two_ways() -> None:
    model = bert()
    texts = [[5] * 3, [6] * 17]
    with torch.inference_mode():
        expected = Single(model).outputs(texts)
        padded = Padded(model, most_tokens=40)
        packed = Packed(model, first_position=0)
        torch.testing.assert_close(packed.outputs(texts), expected, atol=1e-5, rtol=0)
        model.set_attn_implementation("sdpa")
        torch.testing.assert_close(padded.outputs(texts), expected, atol=1e-5, rtol=0)
        assert torch.equal(Single(model).outputs(texts), expected)


def test_a_model_with_layers_elsewhere_is_not_taken() -> None:
    albert = random_classifier("Albert", **TINY | {"embedding_size": 16})
    with pytest.raises(UnfitModelError, match="list of layers"):
        layers_of(albert)
    assert len(layers_of(bert())) == 2


def test_layers_that_reckon_attention_in_their_own_way_are_noticed() -> None:
    deberta = random_classifier(
        "Deberta", **TINY | {"relative_attention": True, "pos_att_type": ["p2c"], "type_vocab_size": 0}
    )
    with torch.inference_mode(), pytest.raises(UnfitModelError, match="0 of 2 layers"):
        Packed(deberta, first_position=0).outputs([[5] * 20])
