from __future__ import annotations

import pytest
import torch

from worker.errors import SettingsError
from worker.lab.generation.drawing import narrowing
from worker.lab.generation.sampling import Sampling, parse_sampling


@pytest.mark.parametrize(
    ("text", "sampling", "label"),
    [
        ("pure", Sampling(), "temperature=1"),
        ("top-k=40", Sampling(top_k=40), "top_k=40"),
        ("nucleus=0.9", Sampling(top_p=0.9), "top_p=0.9"),
        ("top-k=50,nucleus=0.99", Sampling(top_k=50, top_p=0.99), "top_p=0.99,top_k=50"),
    ],
)
def test_a_method_is_read_and_called_as_in_the_labs_texts(text: str, sampling: Sampling, label: str) -> None:
    assert parse_sampling(text) == sampling
    assert sampling.label(1.0) == label


def test_another_temperature_than_1_is_in_the_name() -> None:
    assert Sampling().label(0.8) == "temperature=0.8"
    assert Sampling(top_k=40).label(0.8) == "top_k=40,temperature=0.8"


@pytest.mark.parametrize(
    "text",
    ["", "greedy", "top-k", "top-k=", "top-k=0", "top-k=1.5", "nucleus=0", "nucleus=1", "nucleus=nan",
     "pure,top-k=40", "top-k=40,top-k=50", "top-k=40,"],
)  # fmt: skip
def test_anything_else_is_one_clear_line(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_sampling(text)
    assert f"--sampling {text!r}" in str(caught.value)
    assert "top-k=40" in str(caught.value)


def kept(sampling: Sampling, probabilities: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """What is left to draw from, as probabilities."""
    scores = probabilities.log()[None]
    for step in narrowing(sampling, temperature):
        scores = step(None, scores)
    return scores.softmax(-1)[0]


def test_a_nucleus_is_the_smallest_set_that_reaches_its_probability() -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        probabilities = torch.rand(40, generator=generator).pow(4)
        probabilities /= probabilities.sum()
        left = kept(Sampling(top_p=0.7), probabilities) > 0
        inside, outside = probabilities[left], probabilities[~left]
        assert inside.min() >= outside.max()
        assert inside.sum() >= 0.7
        assert inside.sum() - inside.min() < 0.7


def test_top_k_leaves_the_k_most_probable_and_their_proportions() -> None:
    probabilities = torch.tensor([0.1, 0.4, 0.3, 0.2])
    assert kept(Sampling(top_k=2), probabilities).tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    # The nucleus is that of what the k leave.
    assert kept(Sampling(top_k=2, top_p=0.5), probabilities).tolist() == pytest.approx([0, 1, 0, 0])


def test_a_temperature_sharpens_before_anything_is_left_out() -> None:
    probabilities = torch.tensor([0.1, 0.2, 0.7])
    squared = probabilities**2 / (probabilities**2).sum()
    assert kept(Sampling(), probabilities, 0.5).tolist() == pytest.approx(squared.tolist())
    assert (kept(Sampling(top_p=0.85), probabilities) > 0).tolist() == [False, True, True]
    assert (kept(Sampling(top_p=0.85), probabilities, 0.5) > 0).tolist() == [False, False, True]
