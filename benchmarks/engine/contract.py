"""The ratios that Flagstaff promises, as `flagstaff bench` prints them; each part is its own benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

_ROOT: Final = Path(__file__).parents[2]
KEYS: Final = (
    "engine.over_pipeline_32",
    "engine.over_openvino_float32",
    "engine.over_openvino_bfloat16",
    "engine.over_openvino_int8",
    "engine.of_matmul",
    "stream.of_engine",
    "stream.of_bare_loop",
    "cache.hit_share",
    "replay.of_live",
)
_CONDITIONS: Final = ("model", "lengths", "posts", "rounds")


class Part(NamedTuple):
    """One benchmark.

    Attributes:
        keys: the start of the keys that it gives.
        module: what is run.
        whole: its arguments.
        quick: its arguments where time is short; the figures then mean little.
    """

    keys: str
    module: str
    whole: tuple[str, ...]
    quick: tuple[str, ...]


# The engine's comes first: it says what the rest was measured on.
PARTS: Final = (
    Part(
        "engine.",
        "benchmarks.engine",
        ("--json", "-", "--model", "roberta-base"),
        ("--json", "-", "--model", "tiny", "--posts", "24", "--rounds", "1"),
    ),
    Part(
        "stream.of_engine",
        "benchmarks.engine.stream",
        ("--json", "--models", "roberta-base"),
        ("--json", "--models", "tiny", "--rounds", "1"),
    ),
    Part(
        "stream.of_bare_loop",
        "benchmarks.stream",
        ("--json", "--no-quix"),
        ("--json", "--no-quix", "--posts", "25000", "--rounds", "1"),
    ),
    Part(
        "cache.",
        "benchmarks.engine.cache",
        ("--json", "--model", "roberta-base"),
        ("--json", "--model", "tiny", "--posts", "24", "--rounds", "1"),
    ),
    Part(
        "replay.",
        "benchmarks.replay",
        ("--json",),
        ("--json", "--posts", "25000", "--model", "tiny", "--rounds", "1"),
    ),
)


class PartFailedError(Exception):
    """A benchmark ended by an error; the text is the last line that it said."""


class Figures(NamedTuple):
    """What was measured.

    Attributes:
        flat: the promised keys and what they were measured on; where there is no figure it is None, and
            `KEY.reason` says why.
        failed: names of the benchmarks that ended by an error.
    """

    flat: dict[str, Any]
    failed: tuple[str, ...]


def measure(*, quick: bool = False) -> Figures:
    """Runs all benchmarks, one after another. Their progress goes to standard error."""
    found: dict[str, Any] = {}
    failed = []
    reasons: dict[str, str] = {}
    for part in PARTS:
        try:
            found = _run(part.module, part.quick if quick else part.whole) | found
        except PartFailedError as error:
            failed.append(part.module)
            reasons |= {key: f"{part.module}: {error}" for key in KEYS if key.startswith(part.keys)}
    return Figures(promised(found, reasons), tuple(failed))


def promised(found: dict[str, Any], reasons: dict[str, str]) -> dict[str, Any]:
    """The promised keys and the conditions alone.

    Args:
        found: all that the benchmarks gave.
        reasons: why a key has no figure, where none of them says so itself.
    """
    figures: dict[str, Any] = {}
    for key in KEYS:
        figures[key] = found.get(key)
        if figures[key] is None:
            figures[f"{key}.reason"] = found.get(f"{key}.reason") or reasons.get(key, "it was not measured")
    # No promise: what `flagstaff plan` takes for this machine.
    if (rate := found.get("engine.float32.posts_per_s")) is not None:
        figures["engine.posts_per_s"] = rate
    facts = {key: value for key, value in found.items() if key.startswith("machine.")}
    return figures | facts | {key: found.get(key) for key in _CONDITIONS}


def _run(module: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    last = "it said nothing"
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        with subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        ) as process:
            assert process.stderr is not None  # noqa: S101 - asked for above
            for line in process.stderr:
                sys.stderr.write(line)
                last = line.strip() or last
        if process.returncode:
            raise PartFailedError(last)
        out.seek(0)
        figures: dict[str, Any] = json.loads(out.readlines()[-1])
        return figures
