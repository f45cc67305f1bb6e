from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.tiny_transformer import save_bert
from worker.detector.loading import load_detector
from worker.detector.preparation import prepare
from worker.settings import DetectorSettings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.detector.protocol import Detector


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("@ann_b: see https://t.co/xY9?a=1 now", "@user: see http now"),
        ("http://a http://b", "http http"),
        ("no link, no name; 3 @ 4", "no link, no name; 3 @ 4"),
        ("Case Stays", "Case Stays"),
    ],
)
def test_links_and_mentions_are_masked_and_the_rest_stays(text: str, masked: str) -> None:
    assert prepare(text, "masked-links") == masked
    assert prepare(masked, "masked-links") == masked
    assert prepare(text, "plain") == text


def load(folder: Path, preparation: str) -> Detector:
    whole = {"format": 1, "kind": "transformers", "name": "tiny", "labels": ["human", "machine"]}
    (folder / "detector.json").write_text(json.dumps(whole | {"preparation": preparation}))
    return load_detector(DetectorSettings(model=str(folder), device="cpu"))


def test_a_detector_does_what_its_manifest_says(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert")
    texts = ["the bus http was late @user", "the bus https://t.co/xyz was late @bob"]
    plain, masked = load(folder, "plain"), load(folder, "masked-links")
    assert plain.digest != masked.digest
    first, second = masked.encode(texts)
    assert first.payload == second.payload
    first, second = plain.encode(texts)
    assert first.payload != second.payload
