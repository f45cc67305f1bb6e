"""Logits that outlive a run: a text is given to a detector once, and found again by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from worker.detector.protocol import Encoded
from worker.lab.lines import CorpusError
from worker.text import text_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.detector.protocol import Detector

FOLDER: Final = "logits"


class _Known(Struct, frozen=True):
    """A line of the file."""

    text: str
    logit: float
    tokens: int
    truncated: bool


class _Asked(NamedTuple):
    digest: str
    encoded: Encoded


class CachedDetector:
    """A detector that gives a text it has seen before the logit it gave then, also in an earlier run.

    Logits are kept as JSON lines, named by the detector's digest, with the digests of the texts and not the
    texts. They are appended as they come, so that a run that was cut off loses nothing.

    Args:
        detector: what is asked for the others.
        folder: where logits are kept; made where it is missing.

    Raises:
        CorpusError: the folder can't be used.
    """

    def __init__(self, detector: Detector, folder: Path) -> None:
        self.name = detector.name
        self.digest = detector.digest
        self.calibration = detector.calibration
        self.batch_tokens = detector.batch_tokens
        self.on_gpu = detector.on_gpu
        self._detector = detector
        self._path = folder / f"{detector.digest}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._known = _read(self._path)
        except OSError as error:
            raise CorpusError(f"can't keep logits in {self._path}: {error.strerror}") from None

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The texts made ready, in order; of one whose logit is known only that."""
        digests = [text_digest(text) for text in texts]
        new = [text for text, digest in zip(texts, digests, strict=True) if digest not in self._known]
        encoded = iter(self._detector.encode(new) if new else ())
        ready: list[Encoded] = []
        for digest in digests:
            known = self._known.get(digest)
            if known is not None:
                ready.append(Encoded(known, known.tokens, known.truncated))
            else:
                one = next(encoded)
                ready.append(Encoded(_Asked(digest, one), one.tokens, one.truncated))
        return ready

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """The log-odds that a machine wrote each text, in order; raises what the detector raises."""
        asked: list[_Asked] = [one.payload for one in batch if isinstance(one.payload, _Asked)]
        answers = iter(self._asked(asked) if asked else ())
        payloads: list[Any] = [one.payload for one in batch]
        return [one.logit if isinstance(one, _Known) else next(answers) for one in payloads]

    def _asked(self, asked: Sequence[_Asked]) -> list[float]:
        logits = self._detector.logits([one.encoded for one in asked])
        found = [
            _Known(one.digest, logit, one.encoded.tokens, one.encoded.truncated)
            for one, logit in zip(asked, logits, strict=True)
        ]
        try:
            with self._path.open("ab") as file:
                file.write(msgspec.json.Encoder().encode_lines(found))
        except OSError as error:
            raise CorpusError(f"can't keep logits in {self._path}: {error.strerror}") from None
        self._known.update((one.text, one) for one in found)
        return logits


def _read(path: Path) -> dict[str, _Known]:
    """What the file knows. What follows the last whole line was being written when the run was cut off."""
    if not path.exists():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        known = msgspec.json.Decoder(_Known).decode_lines(whole)
    except msgspec.MsgspecError as error:
        raise CorpusError(f"{path} holds no logits: {error}; delete it") from None
    if len(whole) < len(content):
        path.write_bytes(whole)
    return {one.text: one for one in known}
