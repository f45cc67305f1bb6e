"""Posts such as nobody writes: each is decided or a dead letter, and those beside it never notice."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.independent_reader import committed_records
from tests.support.running import all_decided, publish, running, worker_settings
from tests.support.tiny_transformer import SENTENCES, save_bert, save_roberta, save_xlm_roberta
from tests.support.waiting import wait_until
from worker.detector.loading import load_detector
from worker.settings import DetectorSettings
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.topics import TopicFactory

# Byte-level BPE, WordPiece and Unigram.
TOKENIZERS: Final[dict[str, Callable[[Path], Path]]] = {
    "roberta": save_roberta,
    "bert": save_bert,
    "xlm-roberta": save_xlm_roberta,
}
_PLANE: Final = 0x10000


def _plane(number: int) -> str:
    """A sample of a plane of Unicode, its first and last code points included; most are unassigned."""
    points = [*range(0, _PLANE, 257), _PLANE - 2, _PLANE - 1]
    codes = (number * _PLANE + point for point in points)
    return "".join(chr(code) for code in codes if not 0xD800 <= code <= 0xDFFF)


ODD: Final = {
    "half a million letters": "x" * 500_000,
    "half a million letters in words": "tent " * 100_000,
    "half a million letters of two bytes": "\u00e9" * 400_000,
    "empty": "",
    "a space": " ",
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fd\u2764\ufe0f" * 40,
    "control characters": "".join(map(chr, range(32))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0))),
    "nothing but U+0000": "\x00" * 300,
    "nothing but invisible characters": "\u200b\u2060\ufeff\u00ad" * 100,
    "combining marks": "a" + "\u0301" * 5_000,
    "right to left": "\u202e\u05d0\u05d1\u202c \u0627\u0644" * 50,
    "no characters": "\ufffe\uffff\U0001ffff\U0010ffff",
    "special tokens": "<s></s><pad><mask><unk>[CLS][SEP]" * 30,
    **{f"plane {number}": _plane(number) for number in range(17)},
}
# In JSON only: a string of Python's that holds these can't be written as UTF-8.
BAD_ESCAPES: Final = {
    "half a pair, first": r"\ud800",
    "half a pair, second": r"and \udfff then",
    "a pair turned round": r"\udc00\ud800",
}
TOO_LONG: Final = {"too many characters": "y" * 500_001, "too many bytes": "\U0001f600" * 240_000}
PLAIN: Final = [f"{sentence} {number}" for number in range(12) for sentence in SENTENCES]


@pytest.fixture(scope="module", params=TOKENIZERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TOKENIZERS[request.param](tmp_path_factory.mktemp(request.param))


def test_the_planes_hold_what_is_assigned_and_what_is_not() -> None:
    kinds = {unicodedata.category(letter) for number in range(17) for letter in _plane(number)}
    assert {"Lu", "Ll", "Lo", "So", "Mn", "Co", "Cn"} <= kinds


@pytest.mark.parametrize("prepared", [canonical, str], ids=["canonical", "as it is"])
def test_every_tokenizer_takes_every_text(folder: Path, prepared: Callable[[str], str]) -> None:
    detector = load_detector(DetectorSettings(model=str(folder), device="cpu", dtype="float32"))
    lone = {name: json.loads(f'"{escaped}"') for name, escaped in BAD_ESCAPES.items()}
    texts = [prepared(text) for text in [*ODD.values(), *lone.values(), *PLAIN[:4]]]
    encoded = detector.encode(texts)
    logits = detector.logits(encoded)
    assert all(math.isfinite(logit) for logit in logits)
    assert all(one.tokens >= 1 for one in encoded)
    assert logits[-4:] == detector.logits(detector.encode(PLAIN[:4]))
    assert [one.truncated for one in encoded][:2] == [True, True]
    assert logits == [detector.logits([one])[0] for one in encoded]


def _value(number: int, text: str) -> bytes:
    post = {"id": f"p{number}", "text": text, "lang": "en", "created_at": "2026-03-01T12:00:00Z"}
    return json.dumps(post, ensure_ascii=False).encode()


def _decide(
    kafka: str, topic: TopicFactory, folder: Path, model: Path, values: list[bytes]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Sends records through a worker: its flags by post, and its dead letters' keys and errors."""
    topics = {
        "posts": topic("posts", partitions=1),
        "flags": topic("flags"),
        "dead_letters": topic("dead-letters"),
    }
    settings = worker_settings(
        folder, kafka, topics, DETECTOR__MODEL=str(model), DETECTOR__DEVICE="cpu", DETECTOR__DTYPE="float32"
    )
    publish(kafka, topics["posts"], values)
    with running(settings):
        wait_until(lambda: all_decided(kafka, settings), what="the end of the topic")
    flags = [json.loads(record.value()) for record in committed_records(kafka, topics["flags"])]
    by_post = {flag["post_id"]: flag for flag in flags}
    assert len(by_post) == len(flags)
    letters = [
        (record.key().decode(), dict(record.headers())["flagstaff-error"].decode())
        for record in committed_records(kafka, topics["dead_letters"])
    ]
    return by_post, letters


def test_each_odd_post_is_decided_or_a_dead_letter_and_the_others_keep_their_logits(
    kafka: str, topic: TopicFactory, tmp_path: Path
) -> None:
    model = save_roberta(tmp_path / "model")
    plain = [_value(number, text) for number, text in enumerate(PLAIN)]
    undisturbed, letters = _decide(kafka, topic, tmp_path / "plain", model, plain)
    assert letters == []
    assert len(undisturbed) == len(plain)

    odd = [_value(number, text) for number, text in enumerate((ODD | TOO_LONG).values(), len(plain))]
    escaped = [
        _value(number, "?").replace(b"?", escape.encode())
        for number, escape in enumerate(BAD_ESCAPES.values(), len(plain) + len(odd))
    ]
    values = plain + odd + escaped
    # Odd ones between plain ones, so that they share batches.
    order = sorted(range(len(values)), key=lambda number: (number * 7919) % len(values))
    flags, letters = _decide(kafka, topic, tmp_path / "odd", model, [values[number] for number in order])

    bad = {f"p{number}" for number in range(len(plain) + len(ODD), len(values))}
    told = {f"p{order[int(key)]}": error for key, error in letters}
    outcomes = Counter([*flags, *(f"p{order[int(key)]}" for key, _ in letters)])
    assert outcomes == Counter(f"p{number}" for number in range(len(values)))
    assert told.keys() == bad
    assert all(error and "\n" not in error for error in told.values())
    for post, flag in undisturbed.items():
        assert flags[post]["detector"] == flag["detector"]
    odd_flags = [flags[f"p{number}"] for number in range(len(plain), len(plain) + len(ODD))]
    assert all(math.isfinite(flag["detector"]["logit"]) for flag in odd_flags)
    truncated = {name for name, flag in zip(ODD, odd_flags, strict=True) if flag["detector"]["truncated"]}
    assert {"half a million letters", "half a million letters in words"} <= truncated
