"""Scores posts one by one in a child process: those that a process died with.

The child says which text it is done with by answering it, so the text that kills it is known without
bisecting: it is the one without an answer. It is tried once more in a fresh child, in case something else
killed the first.

Messages are JSON, each behind its length in four bytes; nothing that comes back is executed or unpickled.
"""

from __future__ import annotations

import ctypes
import logging
import os
import selectors
import signal
import struct
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Final

import msgspec
import structlog

from worker.detector.loading import load_detector
from worker.settings import DetectorSettings
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.detector.protocol import Detector

_LENGTH: Final = struct.Struct(">I")
_COMMAND: Final = (sys.executable, "-m", "worker.detector.isolation")
# Loading a large model from a slow disk takes minutes; scoring one text does not.
_LOADING_S: Final = 600.0
_TRIES: Final = 2
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h

Reading = tuple[float, int, bool]


class CrashedProcess(Exception):  # noqa: N818 - its name is the error's label in metrics
    """A text ended the process that read it, twice."""


class TextFailedError(Exception):
    """The detector raised on a text."""


class _Answer(msgspec.Struct):
    logit: float | None = None
    tokens: int = 0
    truncated: bool = False
    error: str | None = None


class IsolatedScorer:
    """Scores canonical texts in a child process that loads the same detector."""

    def __init__(self, settings: DetectorSettings, *, digest: str, command: Sequence[str] = _COMMAND) -> None:
        """Starts nothing yet.

        Args:
            settings: what the detector was loaded by.
            digest: the detector's; a child that loads another scores nothing.
            command: the child; it reads the settings, then texts, as `serve` does.
        """
        self._settings = settings
        self._digest = digest
        self._command = list(command)

    def score(self, texts: Sequence[str]) -> list[Reading | Exception]:
        """(logit, tokens, truncated) of each text in order, or what went wrong with it.

        Raises:
            CrashedProcess: the child ends before it has read any text; the detector itself can't be loaded.
        """
        results: list[Reading | Exception] = []
        tries = 0
        child: _Child | None = None
        try:
            while len(results) < len(texts):
                if child is None:
                    child = _Child(self._command, self._settings, self._digest)
                answer = child.ask(texts[len(results)], self._settings.isolation_timeout_s)
                if isinstance(answer, CrashedProcess):
                    tries += 1
                    child = None
                    if tries < _TRIES:
                        continue
                results.append(answer)
                tries = 0
        finally:
            if child is not None:
                child.end()
        return results


class _Child:
    def __init__(self, command: Sequence[str], settings: DetectorSettings, digest: str) -> None:
        self._silent_s: float | None = None
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own module, no shell
        ready = self._exchange(msgspec.json.encode(settings), _LOADING_S)
        if ready is None:
            raise CrashedProcess(f"the child process did not load the detector: {self._end_of()}")
        if (loaded := msgspec.json.decode(ready, type=str)) != digest:
            self.end()
            raise CrashedProcess(
                f"the detector's files have changed since it was loaded: they make {loaded} now, and made "
                f"{digest}; start the worker again, or have it reload"
            )

    def ask(self, text: str, timeout_s: float) -> Reading | Exception:
        raw = self._exchange(text.encode("utf-8", errors="replace"), timeout_s)
        if raw is None:
            return CrashedProcess(f"the process that read it ended: {self._end_of()}")
        answer = msgspec.json.decode(raw, type=_Answer)
        if answer.logit is None:
            return TextFailedError(answer.error or "no logit")
        return answer.logit, answer.tokens, answer.truncated

    def _exchange(self, message: bytes, timeout_s: float) -> bytes | None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - it was opened as a pipe
        assert stdout is not None  # noqa: S101 - as above
        try:
            _write(stdin, message)
        except BrokenPipeError:
            return None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                self._silent_s = timeout_s
                self._process.kill()
                return None
        return _read(stdout)

    def _end_of(self) -> str:
        self.end()
        if self._silent_s is not None:
            return f"killed after {self._silent_s:g} s without an answer"
        code = self._process.returncode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(detector: Detector, source: IO[bytes], sink: IO[bytes]) -> None:
    """The child's side: answers texts until the other end closes."""
    _write(sink, msgspec.json.encode(detector.digest))
    while (raw := _read(source)) is not None:
        _write(sink, msgspec.json.encode(_answer(detector, canonical(raw.decode()))))


def _answer(detector: Detector, text: str) -> _Answer:
    try:
        (encoded,) = detector.encode([text])
        (logit,) = detector.logits([encoded])
    except Exception as error:  # noqa: BLE001 - it is told to the parent, as the text's own failure
        return _Answer(error=f"{type(error).__name__}: {error}")
    return _Answer(float(logit), encoded.tokens, encoded.truncated)


def serve_parent(load: Callable[[DetectorSettings], Detector]) -> None:
    """The whole child: loads the detector that the first message names and answers texts until the end."""
    if sys.platform == "linux":
        # A text that hangs this process must not leave it behind when the worker is killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Ctrl-C reaches every process of a terminal; the worker decides what becomes of its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = os.fdopen(os.dup(1), "wb")
    # What libraries print must not come between the answers, and the worker has told of its detector already.
    os.dup2(2, 1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with sink:
        serve(load(read_settings(sys.stdin.buffer)), sys.stdin.buffer, sink)


def read_settings(source: IO[bytes]) -> DetectorSettings:
    """The first message to a child: which detector it is to load."""
    raw = _read(source)
    return msgspec.json.decode(raw or b"{}", type=DetectorSettings)


def _write(sink: IO[bytes], message: bytes) -> None:
    sink.write(_LENGTH.pack(len(message)) + message)
    sink.flush()


def _read(source: IO[bytes]) -> bytes | None:
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = source.read(length)
    return message if len(message) == length else None


if __name__ == "__main__":
    serve_parent(load_detector)
