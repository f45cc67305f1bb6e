from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import torch

from tests.unit.lab.encoder.conftest import rows
from worker.lab.corpus import Sample
from worker.lab.encoder.adversary import AuthorAdversary, authors_that_count, strength_at
from worker.lab.encoder.batches import batch_of, grouped
from worker.lab.encoder.contrast import contrastive_loss
from worker.lab.encoder.distillation import read_teacher, soft_targets
from worker.lab.encoder.draws import draw
from worker.lab.encoder.examples import Example, ExampleMaker
from worker.lab.encoder.recipe import Recipe
from worker.lab.encoder.schedule import rate_factor, share_done
from worker.lab.encoder.selection import select
from worker.lab.lines import CorpusError
from worker.text import text_digest

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = Recipe(name="tiny", base="none", max_tokens=32)


def samples(count: int, **changes: Any) -> list[Sample]:
    return [msgspec.convert(row | changes, Sample) for row in rows(count)]


def recipe(**changes: Any) -> Recipe:
    return msgspec.structs.replace(RECIPE, **changes)


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415 - it takes seconds to import

    return AutoTokenizer.from_pretrained(base)


def test_an_epoch_is_balanced_and_follows_from_seed_and_number() -> None:
    few, many = samples(40, source="few"), samples(400, source="many")
    texts = [*few, *(one for number, one in enumerate(many) if one.is_machine or number < 100)]
    drawn = draw(texts, recipe(epoch_texts=1_000), epoch=0)
    met = Counter((texts[place].family, texts[place].label) for place in drawn.tolist())
    assert all(abs(count - 250) <= 20 for count in met.values())
    assert len(met) == 4
    assert drawn.tolist() == draw(texts, recipe(epoch_texts=1_000), epoch=0).tolist()
    assert drawn.tolist() != draw(texts, recipe(epoch_texts=1_000), epoch=1).tolist()
    assert drawn.tolist() != draw(texts, recipe(epoch_texts=1_000, seed=1), epoch=0).tolist()


def test_an_author_gives_no_more_than_so_many_texts() -> None:
    texts = samples(400)
    drawn = draw(texts, recipe(per_author=3), epoch=0)
    assert len(drawn) == 400
    of_author = Counter(texts[place].author for place in set(drawn.tolist()))
    assert len(of_author) == 20
    assert set(of_author.values()) == {3}


def test_filters_choose_machine_texts_and_splits_keep_authors_apart() -> None:
    mixed = [*samples(400), *samples(200, generator="opt", source="other")]
    chosen = select(mixed, recipe(generators=("gpt2",)))
    parts = [*chosen.training, *chosen.validation, *chosen.held_out]
    assert {one.generator for one in parts if one.is_machine} == {"gpt2"}
    assert any(one.source == "other" for one in parts)
    authors = [{one.author for one in part} for part in chosen]
    assert all(authors)
    assert sum(map(len, authors)) == len(set().union(*authors))
    assert {one.family for one in select(mixed, recipe(sources=("other",))).training} == {"other"}
    assert len(select(mixed, recipe(validation_texts=30)).validation) == 30
    with pytest.raises(CorpusError, match="at least 10"):
        select(samples(30), RECIPE)


def test_examples_are_cut_and_hidden_alike_for_a_seed_and_otherwise_in_another_epoch(tokenizer: Any) -> None:
    texts = samples(60)
    maker = ExampleMaker(tokenizer, recipe(token_dropout=0.3), {"1": 0}, {})
    first = maker.training(texts, epoch=0, first=0)
    assert first == maker.training(texts, epoch=0, first=0)
    assert first[10:20] == maker.training(texts[10:20], epoch=0, first=10)
    assert first != maker.training(texts, epoch=1, first=0)
    hidden = sum(one.tokens.count(tokenizer.mask_token_id) for one in first)
    inner = sum(len(one.tokens) - 2 for one in first)
    assert 0.2 < hidden / inner < 0.4
    assert {one.author for one in first} == {0, -1}
    whole = maker.plain(texts)
    assert not any(tokenizer.mask_token_id in one.tokens for one in whole)
    assert sum(len(one.tokens) for one in first) < sum(len(one.tokens) for one in whole)
    assert max(len(one.tokens) for one in whole) == 32


def test_a_teacher_speaks_of_whole_texts_alone(tokenizer: Any) -> None:
    texts = samples(60)
    said = {text_digest(one.text): 1.5 for one in texts}
    never, always = (ExampleMaker(tokenizer, recipe(crop_share=share), {}, said) for share in (0.0, 1.0))
    assert {one.teacher for one in never.training(texts, 0, 0)} == {1.5}
    assert None in {one.teacher for one in always.training(texts, 0, 0)}


def test_groups_are_of_similar_length_and_keep_to_the_budget() -> None:
    examples = [Example([5] * length, machine=False) for length in (3, 9, 4, 30, 9, 2)]
    groups = list(grouped(examples, 20))
    assert sorted(place for group in groups for place in group) == [0, 1, 2, 3, 4, 5]
    for group in groups:
        longest = max(len(examples[place].tokens) for place in group)
        assert len(group) == 1 or len(group) * longest <= 20
    batch = batch_of([examples[0], examples[2]], padding=7)
    assert batch.tokens.tolist() == [[5, 5, 5, 7], [5, 5, 5, 5]]
    assert batch.seen.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_the_rate_rises_and_falls_by_steps_or_by_time() -> None:
    assert [rate_factor(done, 0.2) for done in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx(
        [0, 0.5, 1, 0.5, 0]
    )
    assert share_done(50, 99, 0.0, None) == 0.5
    assert share_done(1, 99, 30.0, 40.0) == 0.75
    assert share_done(1, 99, 90.0, 40.0) == 1.0


def test_the_adversary_s_gradient_is_reversed_and_labels_are_not_told_apart() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        head = AuthorAdversary(4, [False, False, True])
        features = torch.randn(3, 4, requires_grad=True)
    authors, machine = torch.tensor([0, 2, -1]), torch.tensor([0.0, 1.0, 1.0])
    loss = head.loss(features, authors, machine, strength=1.0)
    (forward,) = torch.autograd.grad(loss, features)
    # The only machine among the authors can't be mistaken; an unknown author adds nothing.
    assert forward[0].abs().sum() > 0
    assert forward[1:].abs().sum() == 0
    with torch.no_grad():
        along = features + 0.01 * forward
        assert head.loss(along, authors, machine, 1.0) < loss
    assert strength_at(0.0) == 0
    assert strength_at(1.0) > 0.99
    counted = authors_that_count(samples(100)[:90])
    assert len(counted) == 10
    assert sorted(counted.values()) == list(range(10))


def test_the_contrastive_loss_is_small_where_labels_lie_apart() -> None:
    machine = torch.tensor([0.0, 0.0, 1.0, 1.0])
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0], [-1.0, 0.1]])
    mixed = apart[[0, 2, 1, 3]]
    assert contrastive_loss(apart, machine) < 0.1 < contrastive_loss(mixed, machine)
    alone = torch.ones(1, 2, requires_grad=True)
    loss = contrastive_loss(alone, machine[:1])
    assert loss == 0
    (gradient,) = torch.autograd.grad(loss, alone)
    assert gradient.isfinite().all()


def test_targets_move_towards_the_teacher_where_there_is_one(tmp_path: Path) -> None:
    targets = soft_targets(torch.tensor([1.0, 0.0]), torch.tensor([0.0, float("nan")]), 0.5)
    assert targets.tolist() == [0.75, 0.0]
    path = tmp_path / "teacher.jsonl"
    path.write_text(json.dumps({"digest": "0" * 32, "logit": -2.5, "name": "more"}) + "\n\n")
    assert read_teacher(path) == {"0" * 32: -2.5}
    path.write_text('{"digest": "short", "logit": 1}')
    with pytest.raises(CorpusError, match=r"teacher\.jsonl:1: "):
        read_teacher(path)
    with pytest.raises(CorpusError, match="none"):
        read_teacher(tmp_path / "none.jsonl")
