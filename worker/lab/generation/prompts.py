"""The texts that prompts are taken from."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from worker.lab.lines import CorpusError, read_lines

if TYPE_CHECKING:
    from pathlib import Path


class Prompt(Struct, frozen=True, kw_only=True):
    """A text whose beginning a model goes on from. Other fields of a line are ignored.

    Attributes:
        text: as it is written; its canonical form is not what the model has seen in training.
        label: lines of machines are passed over.
        source: as the lab's samples have it; so the others.
        doc: as above.
        domain: as above.
        lang: as above.
    """

    text: str
    label: str | None = None
    source: str | None = None
    doc: str | None = None
    domain: str | None = None
    lang: str | None = None

    @property
    def family(self) -> str | None:
        """The source without what follows a colon."""
        return self.source.partition(":")[0] if self.source else None


def read_prompts(path: Path) -> tuple[list[Prompt], str]:
    """The human and the unlabelled texts of a JSON-lines file, and a digest of them all.

    Of several with the same document, or the same text, the first stays: the lab counts a document once for
    each generator.

    Args:
        path: the file, gzipped where its name ends in `.gz`.

    Raises:
        CorpusError: it can't be read, a line has no text, or there is no such text.
    """
    found: dict[str, Prompt] = {}
    for _, prompt in read_lines(path, Prompt, "text to take a prompt from"):
        if prompt.label != "machine" and prompt.text.strip():
            found.setdefault(f"doc {prompt.doc}" if prompt.doc else f"text {prompt.text}", prompt)
    if not found:
        raise CorpusError(f"{path}: it holds no text of a human to take prompts from")
    digest = blake2b(digest_size=16)
    for prompt in found.values():
        digest.update(msgspec.json.encode(prompt) + b"\n")
    return list(found.values()), digest.hexdigest()
