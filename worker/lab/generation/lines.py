"""A line of what is generated: a labelled text of the lab's corpus, and all that it depends on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from worker.errors import FlagstaffError


class GenerationError(FlagstaffError):
    """The model can't be loaded or used, or the file can't be written or continued."""


class Parameters(Struct, frozen=True, kw_only=True):
    """What all texts of a file share. A file is only continued with the same.

    Attributes:
        generator: the model's name.
        revision: its commit, if it is the hub's.
        weights: digest of the files with its weights and its sizes.
        tokenizer: digest of its tokenizer's files.
        end_tokens: the tokens at which it ends a text by itself.
        seed: of the whole file.
        samplings: what is drawn from, by name.
        temperature: logits are divided by it.
        new_tokens: the fewest and the most.
        prompts: digest of the texts that prompts are taken from; null where there are none.
        prompt_tokens: tokens of such a text that are the prompt.
        prompt_in_text: whether a text begins with its prompt.
        source: what `--source` said.
        number_format: of the weights in memory.
        platform: what of the machine the last bits depend on.
        packages: versions of the libraries, by name.
    """

    generator: str
    revision: str | None
    weights: str
    tokenizer: str
    end_tokens: tuple[int, ...]
    seed: int
    samplings: tuple[str, ...]
    temperature: float
    new_tokens: tuple[int, int]
    prompts: str | None
    prompt_tokens: int
    prompt_in_text: bool
    source: str | None
    number_format: str
    platform: tuple[str, ...]
    packages: dict[str, str]


class Generation(Struct, frozen=True, kw_only=True):
    """How one text came to be.

    Attributes:
        index: its number in the file, from 0.
        seed: of its tokens; it follows from the file's and the number.
        temperature: as above.
        top_k: tokens that could be drawn; null for all.
        top_p: probability that those that could be drawn had together; null for all.
        most_new_tokens: after how many tokens it was to be cut.
        new_tokens: how many it has beyond its prompt.
        ended: whether the model ended it by itself.
        prompt: digest of the prompt; null where there was none.
        prompt_tokens: its tokens.
        prompt_chars: how many characters at the beginning of `text` are the prompt's.
        parameters: what it shares with the others.
    """

    index: int
    seed: int
    temperature: float
    top_k: int | None
    top_p: float | None
    most_new_tokens: int
    new_tokens: int
    ended: bool
    prompt: str | None
    prompt_tokens: int
    prompt_chars: int
    parameters: Parameters


class GeneratedText(Struct, frozen=True, kw_only=True):
    """A text that a model wrote. The fields are those of the lab's samples, and `generation`."""

    text: str
    label: Literal["machine"] = "machine"
    source: str
    generator: str
    sampling: str
    domain: str | None
    lang: str | None
    doc: str | None
    generation: Generation

    @property
    def new_text(self) -> str:
        """The text without its prompt."""
        return self.text[self.generation.prompt_chars :]
