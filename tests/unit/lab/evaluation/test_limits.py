from __future__ import annotations

from msgspec.structs import replace

from tests.support.ruled_detector import CALIBRATION, RuledDetector
from tests.unit.lab.evaluation.made_up import first_number, made_up, scored
from worker.detector.calibration import Calibration
from worker.lab.corpus import Sample
from worker.lab.evaluation.limits import limits, prefixed
from worker.lab.evaluation.measured import measure
from worker.lab.evaluation.report import Corpus
from worker.lab.evaluation.selection import selections

SAMPLES = [
    *made_up("human", 60),
    *made_up("machine", 40, generator="told"),
    *made_up("human", 40, seed=1, source="other"),
    *[replace(one, label="machine", generator="untold") for one in made_up("human", 60, seed=2)],
    *made_up("machine", 40, source="posts", generator="of few", author="one"),
    *made_up("human", 40, source="posts"),
]
SCORED = scored(RuledDetector(first_number), SAMPLES)
SLICES = [measure(SCORED, one, draws=100, seed=0) for one in selections(SCORED, None)]
CORPUS = Corpus(
    files=(), learned_from=(), human=140, machine=140, learned=0, failed=0, in_range=280, prefixed=0
)


def found(calibration: Calibration, **changes: int) -> str:
    return "\n".join(limits(calibration, replace(CORPUS, **changes), SLICES))


def test_what_is_not_told_from_humans_is_named() -> None:
    said = found(CALIBRATION)
    assert "Not told from humans beyond chance: made-up: untold." in said
    assert "Of fewer than 5 authors or documents, so that nothing is known of others: posts: of few." in said


def test_the_range_stands_first() -> None:
    narrow = replace(CALIBRATION, min_tokens=10, max_tokens=50)
    assert found(narrow, in_range=200).startswith("Calibrated for texts of 10 to 50 tokens in en.")
    assert "here on 80 of 280 texts" in found(narrow, in_range=200)
    assert found(Calibration()).startswith("It has no calibration")
    assert "no threshold" in found(Calibration())


def test_what_was_not_named_and_what_failed_is_said() -> None:
    assert "--learned-from" in found(CALIBRATION)
    assert "failed on 3 texts" in found(CALIBRATION, failed=3)
    assert "failed" not in found(CALIBRATION)
    assert "12 of 140 machine texts begin with the same 10 words" in found(CALIBRATION, prefixed=12)


def test_texts_with_the_beginning_of_their_documents_human_are_counted() -> None:
    words = "one two three four five six seven eight nine ten"

    def text(tail: str, label: str, doc: str | None) -> Sample:
        return Sample(text=f"{words} {tail}", label=label, source="s", doc=doc)  # type: ignore[arg-type]  # its own two words

    samples = [text("it was", "human", "d"), text("it is", "machine", "d"), text("so", "machine", "e")]
    samples += [text("so", "machine", None), Sample(text="one", label="machine", source="s", doc="d")]
    assert prefixed(samples) == 1
