from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers

from tests.support.tiny_language_model import write_gguf
from tests.support.tiny_transformer import save_bert
from worker.errors import FlagstaffError, SettingsError
from worker.lab.generation.lines import GenerationError
from worker.lab.generation.model import load_language_model
from worker.lab.generation.prompts import Prompt, read_prompts
from worker.lab.generation.recipe import Recipe, draft
from worker.lab.generation.sampling import Sampling
from worker.lab.generation.writer import Named, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.lab.generation.lines import GeneratedText
    from worker.lab.generation.model import LanguageModel

CPU = torch.device("cpu")
NAMED = Named("tiny", None, "float32")
RECIPE = Recipe(
    seed=3,
    samplings=(Sampling(), Sampling(top_k=40), Sampling(top_p=0.9)),
    new_tokens=(4, 20),
    prompt_tokens=5,
)


@pytest.fixture(scope="module")
def language(folder: Path) -> LanguageModel:
    return load_language_model(folder, CPU, torch.float32)


def written(
    language: LanguageModel, recipe: Recipe, prompts: Path | None, begin: int = 0, end: int = 6
) -> list[GeneratedText]:
    given = read_prompts(prompts) if prompts is not None else None
    return list(Writer(language, NAMED, recipe, given).texts(begin, end))


def plain(tokenizer: Any, tokens: list[int]) -> str:
    """The text of tokens; random ones hold broken characters, and those at a cut end are left out."""
    text = tokenizer.decode(tokens, skip_special_tokens=True)
    assert isinstance(text, str)
    return text.rstrip("\ufffd")


def slowly(model: Any, begin: Sequence[int], recipe: Recipe, number: int, end_token: int) -> list[int]:
    """The tokens of a text without any of the code that is tested but its draft, and without a cache."""
    decided = draft(recipe, number)
    generator = torch.Generator().manual_seed(decided.seed)
    ids = list(begin)
    for _ in range(decided.most_new_tokens):
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1] / recipe.temperature
        if len(ids) == len(begin):
            logits[end_token] = -torch.inf
        if decided.sampling.top_k is not None:
            logits[logits < logits.topk(decided.sampling.top_k).values[-1]] = -torch.inf
        if decided.sampling.top_p is not None:
            probabilities, order = logits.softmax(-1).sort(descending=True)
            beyond = probabilities.cumsum(-1) - probabilities >= decided.sampling.top_p
            logits[order[beyond]] = -torch.inf
        ids.append(int(torch.multinomial(logits.softmax(-1), 1, generator=generator)))
        if ids[-1] == end_token:
            break
    return ids[len(begin) :]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_tokens_are_those_of_a_slow_reference(
    folder: Path, language: LanguageModel, prompts: Path, temperature: float
) -> None:
    recipe = Recipe(
        seed=3, samplings=RECIPE.samplings, new_tokens=(4, 20), prompt_tokens=5, temperature=temperature
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = written(language, recipe, prompts, end=12)
    assert len({one.sampling for one in texts}) == 3
    for number, text in enumerate(texts):
        made = text.generation
        begin = tokenizer(text.text[: made.prompt_chars])["input_ids"]
        assert len(begin) == made.prompt_tokens == 5
        tokens = slowly(model, begin, recipe, number, tokenizer.eos_token_id)
        ended = tokens[-1] == tokenizer.eos_token_id
        assert (made.ended, made.new_tokens) == (ended, len(tokens) - ended)
        assert plain(tokenizer, begin + tokens) == text.text.rstrip("\ufffd")


@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_text_is_the_same_whatever_is_made_beside_it(
    language: LanguageModel, prompts: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    whole = written(language, RECIPE, prompts, end=12)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    torch.manual_seed(99)
    parts = [written(language, RECIPE, prompts, begin, end) for begin, end in ((9, 12), (0, 1), (1, 9))]
    assert [*parts[1], *parts[2], *parts[0]] == whole
    assert [one.generation.index for one in whole] == list(range(12))


def test_another_seed_makes_other_texts(language: LanguageModel) -> None:
    one, other = (written(language, Recipe(seed=seed, new_tokens=(9, 9)), None) for seed in (1, 2))
    assert not {text.text for text in one} & {text.text for text in other}


def test_top_k_1_is_greedy(folder: Path, language: LanguageModel, prompts: Path) -> None:
    recipe = Recipe(samplings=(Sampling(top_k=1),), new_tokens=(12, 12), prompt_tokens=5)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    for text in written(language, recipe, prompts):
        ids = torch.tensor([language.tokenizer(text.text[: text.generation.prompt_chars])["input_ids"]])
        greedy = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, min_new_tokens=1, max_new_tokens=12
        )
        assert plain(language.tokenizer, greedy[0].tolist()) == text.text.rstrip("\ufffd")


def test_a_line_is_a_sample_of_its_prompts_document(language: LanguageModel, prompts: Path) -> None:
    human = {prompt.doc: prompt.text for prompt in read_prompts(prompts)[0]}
    texts = written(language, RECIPE, prompts, end=12)
    assert {text.doc for text in texts} == set(human)
    for text in texts:
        assert (text.label, text.source, text.generator) == ("machine", "weather:tiny", "tiny")
        assert (text.domain, text.lang) == ("news", None)
        begin = text.text[: text.generation.prompt_chars]
        assert begin
        assert human[str(text.doc)].startswith(begin)
        assert text.text == begin + text.new_text


def test_the_prompt_can_be_left_out(language: LanguageModel, prompts: Path) -> None:
    recipe = Recipe(seed=3, new_tokens=(8, 8), prompt_tokens=5, prompt_in_text=False, source="mine")
    whole = Recipe(seed=3, new_tokens=(8, 8), prompt_tokens=5)
    for text, longer in zip(
        written(language, recipe, prompts), written(language, whole, prompts), strict=True
    ):
        assert text.text == text.new_text == longer.new_text
        assert text.source == "mine"
        assert text.generation.prompt == longer.generation.prompt
        assert text.generation.parameters.prompt_in_text is False


def test_without_prompts_texts_begin_from_nothing(language: LanguageModel) -> None:
    texts = written(language, Recipe(new_tokens=(9, 9)), None)
    assert len({text.text for text in texts}) == 6
    for text in texts:
        assert (text.source, text.doc, text.generation.prompt) == ("generated:tiny", None, None)
        assert text.generation.prompt_chars == text.generation.prompt_tokens == 0


def test_what_else_a_models_own_settings_say_does_not_come_in(
    folder: Path, language: LanguageModel, tmp_path: Path
) -> None:
    other = shutil.copytree(folder, tmp_path / "tiny")
    stated = json.loads((folder / "generation_config.json").read_text())
    unasked = stated | {"repetition_penalty": 5.0, "do_sample": True, "top_k": 1, "temperature": 0.1}
    (other / "generation_config.json").write_text(json.dumps(unasked))
    recipe = Recipe(new_tokens=(12, 12))
    assert written(load_language_model(other, CPU, torch.float32), recipe, None) == written(
        language, recipe, None
    )


def test_all_tokens_at_which_the_model_ends_a_text_end_it(
    folder: Path, language: LanguageModel, tmp_path: Path
) -> None:
    other = shutil.copytree(folder, tmp_path / "tiny")
    stated = json.loads((folder / "generation_config.json").read_text())
    # Half of the vocabulary.
    (other / "generation_config.json").write_text(json.dumps(stated | {"eos_token_id": list(range(2, 180))}))
    recipe = Recipe(new_tokens=(20, 20))
    many = written(load_language_model(other, CPU, torch.float32), recipe, None)
    assert all(text.generation.new_tokens >= 1 for text in many)
    assert sum(text.generation.ended for text in many) > sum(
        text.generation.ended for text in written(language, recipe, None)
    )


def test_texts_too_short_for_the_prompt_are_passed_over(language: LanguageModel) -> None:
    prompts = [Prompt(text="The bus"), Prompt(text="We walked home in the rain, and the bus was late.")]
    writer = Writer(language, NAMED, Recipe(new_tokens=(3, 3), prompt_tokens=6), (prompts, "digest"))
    assert (writer.most_texts, writer.too_short) == (1, 1)
    with pytest.raises(SettingsError, match="none of 2 texts has more than 30 tokens"):
        Writer(language, NAMED, Recipe(), (prompts, "digest"))


def test_more_tokens_than_the_model_sees_are_one_clear_line(language: LanguageModel, prompts: Path) -> None:
    written(language, Recipe(new_tokens=(27, 27), prompt_tokens=5), prompts, end=1)
    with pytest.raises(SettingsError, match="could have 33 tokens, and the model sees 32"):
        written(language, Recipe(new_tokens=(28, 28), prompt_tokens=5), prompts, end=1)


def test_a_model_that_predicts_no_number_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    torch.nn.init.constant_(model.transformer.ln_f.weight, float("nan"))
    broken = shutil.copytree(folder, tmp_path / "tiny")
    model.save_pretrained(broken)
    with pytest.raises(GenerationError, match="generate: the model fails: ") as caught:
        written(load_language_model(broken, CPU, torch.float32), Recipe(new_tokens=(5, 5)), None)
    assert "\n" not in str(caught.value)


def test_a_gguf_file_is_a_model_like_others(tmp_path: Path, prompts: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    language = load_language_model(path, CPU, torch.float32)
    texts = written(language, RECIPE, prompts)
    assert len(texts) == 6
    human = {prompt.doc: prompt.text for prompt in read_prompts(prompts)[0]}
    for text in texts:
        assert human[str(text.doc)].startswith(text.text[: text.generation.prompt_chars])
        assert 1 <= text.generation.new_tokens <= text.generation.most_new_tokens
    assert written(load_language_model(path, CPU, torch.float32), RECIPE, prompts) == texts


def test_the_digests_are_those_of_weights_and_tokenizer(
    folder: Path, language: LanguageModel, tmp_path: Path
) -> None:
    other = shutil.copytree(folder, tmp_path / "another name")
    again = load_language_model(other, CPU, torch.float32)
    assert (again.weights, again.vocabulary) == (language.weights, language.vocabulary)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    with torch.no_grad():
        model.transformer.ln_f.bias[0] += 1
    model.save_pretrained(other)
    changed = load_language_model(other, CPU, torch.float32)
    assert changed.weights != language.weights
    assert changed.vocabulary == language.vocabulary


def encoder(folder: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(save_bert(folder), local_files_only=True)
    transformers.BertLMHeadModel(config).save_pretrained(folder)


def classifier(folder: Path) -> None:
    save_bert(folder)


def cut(folder: Path) -> None:
    encoder(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def without_tokenizer(folder: Path) -> None:
    encoder(folder)
    (folder / "tokenizer.json").unlink()


def without_weights(folder: Path) -> None:
    encoder(folder)
    (folder / "model.safetensors").unlink()


def empty(folder: Path) -> None:
    folder.mkdir()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (encoder, "no causal language model"),
        (classifier, "weights are missing"),
        (cut, "broken or cut short"),
        (without_tokenizer, "no tokenizer"),
        (without_weights, "holds no weights"),
        (empty, "config.json"),
    ],
)
def test_a_directory_that_is_none_is_one_clear_line(tmp_path: Path, make: Any, why: str) -> None:
    make(tmp_path / "model")
    with pytest.raises(FlagstaffError) as caught:
        load_language_model(tmp_path / "model", CPU, torch.float32)
    assert why in str(caught.value)
    assert str(tmp_path / "model") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_gguf_file_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF but not for long")
    with pytest.raises(GenerationError, match="can't read its tokenizer") as caught:
        load_language_model(path, CPU, torch.float32)
    assert "\n" not in str(caught.value)
