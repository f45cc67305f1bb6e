"""Makes the texts of a recipe, in order, each of them the same whatever else is made."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from threading import Event
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from worker.cores import usable_cores
from worker.detector.device import platform_of
from worker.errors import SettingsError
from worker.lab.generation.drawing import new_tokens
from worker.lab.generation.lines import GeneratedText, Generation, GenerationError, Parameters
from worker.lab.generation.recipe import draft, shuffled
from worker.text import text_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from worker.detector.calibration import NumberFormat
    from worker.lab.generation.model import LanguageModel
    from worker.lab.generation.prompts import Prompt
    from worker.lab.generation.recipe import Recipe

_PACKAGES: Final = ("tokenizers", "torch", "transformers")
# What a token that is cut inside a character becomes.
_CUT: Final = "\ufffd"


class Named(NamedTuple):
    """What the lines call a model.

    Attributes:
        name: the generator's name.
        revision: its commit, if it is the hub's.
        number_format: of its weights in memory.
    """

    name: str
    revision: str | None
    number_format: NumberFormat


class Writer:
    """A model and a recipe: text i of them is one text.

    On the CPU as many texts are made at a time as there are cores, each on one thread, since what several
    threads add up depends on how many they are.

    Args:
        language: the model.
        named: what the lines call it.
        recipe: how.
        prompts: the texts that prompts are taken from, and a digest of them; None to begin from nothing.

    Raises:
        SettingsError: the model does not see so many tokens, or has none to begin from, or no text is long
            enough for a prompt.
    """

    def __init__(
        self,
        language: LanguageModel,
        named: Named,
        recipe: Recipe,
        prompts: tuple[Sequence[Prompt], str] | None,
    ) -> None:
        self._language = language
        self._recipe = recipe
        self._prompts: list[tuple[Prompt, list[int]]] | None = None
        self.too_short = 0
        begin = len(language.alone)
        if prompts is not None:
            begin = len(language.before) + recipe.prompt_tokens
            self._prompts = self._begun(prompts[0])
            self.too_short = len(prompts[0]) - len(self._prompts)
        elif not language.alone:
            raise SettingsError("generate: the model has no token that begins a text; give it --prompts")
        most = begin + recipe.new_tokens[1]
        if language.most_tokens is not None and most > language.most_tokens:
            raise SettingsError(
                f"generate: --tokens: with its prompt a text could have {most} tokens, and the model sees "
                f"{language.most_tokens}; ask for fewer"
            )
        device = language.model.device
        self._threads = 1 if device.type != "cpu" else usable_cores()
        self.parameters = Parameters(
            generator=named.name,
            revision=named.revision,
            weights=language.weights,
            tokenizer=language.vocabulary,
            end_tokens=language.ends,
            seed=recipe.seed,
            samplings=tuple(one.label(recipe.temperature) for one in recipe.samplings),
            temperature=recipe.temperature,
            new_tokens=recipe.new_tokens,
            prompts=prompts[1] if prompts is not None else None,
            prompt_tokens=recipe.prompt_tokens if prompts is not None else 0,
            prompt_in_text=recipe.prompt_in_text and prompts is not None,
            source=recipe.source,
            number_format=named.number_format,
            platform=platform_of(device, named.number_format),
            packages={package: version(package) for package in _PACKAGES},
        )

    @property
    def most_texts(self) -> int | None:
        """How many texts there can be: each prompt is used once. None without prompts."""
        return None if self._prompts is None else len(self._prompts)

    def texts(self, begin: int, end: int) -> Iterator[GeneratedText]:
        """The texts from number `begin` to before number `end`, in order.

        Raises:
            GenerationError: memory is short, or the model predicts what is no number.
        """
        stopped = Event()
        pool = ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,))
        ahead: deque[Future[GeneratedText]] = deque()
        numbers = iter(range(begin, end))
        try:
            while True:
                # A few more than threads, so that none waits while an early text takes long.
                while len(ahead) < 2 * self._threads and (number := next(numbers, None)) is not None:
                    ahead.append(pool.submit(self._text, number, stopped))
                if not ahead:
                    return
                yield ahead.popleft().result()
        except torch.OutOfMemoryError:
            raise GenerationError(
                f"generate: {self._language.model.device} has no memory for such a text beside the model; "
                "ask for fewer tokens, or for --dtype bfloat16"
            ) from None
        except RuntimeError as error:
            raise GenerationError(f"generate: the model fails: {' '.join(str(error).split())}") from None
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)

    def _text(self, number: int, stopped: Event) -> GeneratedText:
        language, recipe, decided = self._language, self._recipe, draft(self._recipe, number)
        prompt, given = (None, []) if self._prompts is None else self._prompts[number]
        begin = [*language.before, *given] if prompt is not None else list(language.alone)
        tokens = new_tokens(language, begin, decided, recipe.temperature, stopped)
        ended = tokens[-1] in language.ends
        before = self._decoded(given)
        whole = self._decoded(given + tokens)
        if not ended:
            whole = whole.rstrip(_CUT)
        # Their common beginning, since a prompt may be cut inside a character that the first new token ends.
        shared = _common(before, whole)
        family = (prompt.family if prompt is not None else None) or "generated"
        generator = self.parameters.generator
        return GeneratedText(
            text=whole if recipe.prompt_in_text else whole[shared:],
            source=recipe.source or f"{family}:{generator}",
            generator=generator,
            sampling=decided.sampling.label(recipe.temperature),
            domain=prompt.domain if prompt is not None else None,
            lang=prompt.lang if prompt is not None else None,
            doc=prompt.doc if prompt is not None else None,
            generation=Generation(
                index=number,
                seed=decided.seed,
                temperature=recipe.temperature,
                top_k=decided.sampling.top_k,
                top_p=decided.sampling.top_p,
                most_new_tokens=decided.most_new_tokens,
                new_tokens=len(tokens) - ended,
                ended=ended,
                prompt=text_digest(before) if prompt is not None else None,
                prompt_tokens=len(given),
                prompt_chars=shared if recipe.prompt_in_text else 0,
                parameters=self.parameters,
            ),
        )

    def _begun(self, prompts: Sequence[Prompt]) -> list[tuple[Prompt, list[int]]]:
        """The prompts with their tokens, shuffled, without those whose text would be all prompt."""
        length = self._recipe.prompt_tokens
        begun = []
        for prompt in shuffled(prompts, self._recipe.seed):
            ids = self._language.tokenizer(prompt.text, add_special_tokens=False)["input_ids"]
            if len(ids) > length:
                begun.append((prompt, ids[:length]))
        if not begun:
            raise SettingsError(
                f"generate: --prompt-tokens: none of {len(prompts)} texts has more than {length} tokens; "
                "ask for fewer"
            )
        return begun

    def _decoded(self, tokens: list[int]) -> str:
        text = self._language.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)  # noqa: S101 - one list of tokens is one text
        return text


def _common(one: str, other: str) -> int:
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
