from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.ruled_detector import CALIBRATION, RuledDetector
from worker.detector.calibration import Calibration
from worker.detector.checkpoint import Manifest
from worker.errors import SettingsError
from worker.lab.bias.measuring import bias
from worker.lab.bias.report import BiasGate
from worker.lab.card.detector_card import detector_card
from worker.lab.card.document import Table
from worker.lab.card.generator_card import generator_card
from worker.lab.card.markdown import markdown
from worker.lab.card.page import page
from worker.lab.card.prose import DetectorProse, GeneratorProse, read_prose
from worker.lab.corpus import Sample
from worker.lab.evaluation.figures import CalibrationError, Estimate, Figures, FoundAt, Rate
from worker.lab.evaluation.report import (
    AuthorRecord,
    Comparison,
    Corpus,
    DataFile,
    DetectorFacts,
    Evaluation,
    Method,
    Slice,
    Transfer,
    TransferCell,
    TransferRow,
)
from worker.lab.generation.lines import Parameters
from worker.lab.generation.summary import GeneratedFigures, GenerationSummary
from worker.lab.robustness.measuring import robustness

if TYPE_CHECKING:
    from pathlib import Path

    from worker.lab.card.document import Card
    from worker.lab.evaluation.report import Dimension

SECTIONS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]
PROVENANCE = {"recipe": {"seed": 7, "name": "<b>bold</b>"}, "learned_from": {"web | a, human": 3}}
AUROC = Estimate(value=0.8124, low=0.7, high=0.9)
FACTS = DetectorFacts(name="ruled", digest="ab" * 16, calibration=CALIBRATION, provenance=PROVENANCE)
MANIFEST = Manifest(
    format=1,
    kind="linear",
    name="ruled",
    labels=("human", "machine"),
    calibration=CALIBRATION,
    provenance=PROVENANCE,
)

SLICES: list[tuple[Dimension, str, Estimate | None]] = [
    ("all", "all texts", AUROC),
    ("generator", "<script>alert(1)</script> | `gpt`", AUROC),
    ("generator", "unheard", None),
]


def figures(auroc: Estimate | None = AUROC) -> Figures:
    return Figures(
        human=100,
        machine=50,
        accuracy=None,
        balanced_accuracy=None,
        found=Rate(count=5, of=50, value=0.1, low=0.033, high=0.218),
        wrongly=None,
        auroc=auroc,
        found_at=(FoundAt(false_positives=0.05, humans_needed=100, rate=None),),
        calibration_error=CalibrationError(value=0.02, low=0.01, high=0.05, by_chance=0.03),
        brier=None,
    )


def texts() -> list[Sample]:
    human = [Sample(text=f"he wrote line {n} in the book", label="human", source="web") for n in range(40)]
    return human + [Sample(text=f"line {n} of the mark", label="machine", source="web") for n in range(40)]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    detector = RuledDetector(lambda text: 1.0 if "mark" in text or "she" in text else -1.0)
    return Evaluation(
        version=1,
        limits=("Only *English*.",),
        detector=FACTS,
        baseline=msgspec.structs.replace(FACTS, name="older"),
        method=Method(
            seed=3, draws=1000, confidence=0.95, bins=15, flagstaff="0.1.0", statements=("How it was done.",)
        ),
        corpus=Corpus(
            files=(DataFile(name="a|b<i>.jsonl", sha256="cd" * 32),),
            learned_from=(DataFile(name="learned.jsonl", sha256="ef" * 32),),
            human=100,
            machine=50,
            learned=4,
            failed=1,
            in_range=140,
            prefixed=0,
        ),
        slices=tuple(
            Slice(
                dimension=dimension,
                name=name,
                in_range=140,
                everywhere=figures(auroc),
                inside=None,
                baseline=Comparison(auroc=AUROC, gain=Estimate(value=-0.01, low=-0.03, high=0.02)),
            )
            for dimension, name, auroc in SLICES
        ),
        reliability=(),
        authors=(AuthorRecord(authors="unseen", posts=25, human=9, machine=8, with_so_many=12, auroc=AUROC),),
        transfer=(
            Transfer(
                by="generator",
                kind="linear",
                files=(),
                held_out=0.2,
                columns=("gpt",),
                rows=(
                    TransferRow(
                        trained_on="opt",
                        human=1,
                        machine=1,
                        cells=(TransferCell(human=1, machine=1, auroc=AUROC),),
                    ),
                ),
                passed_over=(),
            ),
        ),
        robustness=robustness(detector, texts(), seed=0, token_budget=None, report=lambda _: None),
        bias=bias(
            detector,
            texts(),
            gate=BiasGate(bound=0.05),
            seed=0,
            token_budget=None,
            report=lambda _: None,
        ),
    )


def card(manifest: Manifest | None, evaluation: Evaluation | None) -> Card:
    return detector_card(manifest, evaluation, read_prose(None, DetectorProse))


def test_the_sections_are_those_of_mitchell_et_al(evaluation: Evaluation) -> None:
    assert [section.heading for section in card(MANIFEST, evaluation).sections] == SECTIONS


def test_the_limits_come_first(evaluation: Evaluation) -> None:
    lines = markdown(card(MANIFEST, evaluation)).splitlines()
    assert lines[0] == "# Model card: ruled"
    assert lines[2].startswith("> - A score is evidence and no proof.")
    assert lines[3] == r"> - Only \*English\*."


def test_every_figure_stands_with_its_interval(evaluation: Evaluation) -> None:
    text = markdown(card(MANIFEST, evaluation))
    assert "| all texts | 50 | 100 | 0.812 (0.700 to 0.900) | 10.0 % (3.3 to 21.8) | not measured |" in text
    assert "| generator: unheard | 0.812 (0.700 to 0.900) | -0.010 (-0.030 to +0.020) |" in text
    assert "| unseen, 25 | 8 | 9 | 0.812 (0.700 to 0.900) |" in text
    assert "| opt | 0.812 (0.700 to 0.900) |" in text
    assert "abababab" in text
    assert "| recipe.seed | 7 |" in text
    assert "zero width, without the canonical form" in text


def test_what_fails_the_gate_is_said(evaluation: Evaluation) -> None:
    text = markdown(card(MANIFEST, evaluation))
    assert "It fails:" in text
    assert "gender, he to she (swap): 40 of 40 texts are flagged" in text


def test_what_was_not_measured_is_said(evaluation: Evaluation) -> None:
    bare = msgspec.structs.replace(evaluation, robustness=None, bias=None, authors=(), transfer=())
    text = markdown(card(MANIFEST, bare))
    assert "| unheard | 50 | 100 | not measured |" in text
    assert "Robustness: not measured." in text
    assert "Bias: not measured." in text
    assert "Several posts of an author together: not measured." in text
    text = markdown(card(MANIFEST, None))
    assert "Figures: not measured." in text
    assert "Digest: not measured" in text
    assert "Owners: not stated" in text
    assert "It was not measured on anything" in text.splitlines()[3]


def test_an_uncalibrated_detector_says_so() -> None:
    text = markdown(card(msgspec.structs.replace(MANIFEST, calibration=Calibration()), None))
    assert "It is not calibrated: Flagstaff abstains on every text." in text


def test_an_evaluation_alone_is_enough(evaluation: Evaluation) -> None:
    text = markdown(card(None, evaluation))
    assert "| recipe.seed | 7 |" in text
    assert "Kind: not stated" in text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "other"}, "the evaluation is of 'ruled', and the detector is 'other'"),
        ({"calibration": Calibration()}, "another version of 'ruled'"),
        ({"provenance": {}}, "another version of 'ruled'"),
    ],
)
def test_an_evaluation_of_another_detector_is_refused(
    evaluation: Evaluation, change: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        card(msgspec.structs.replace(MANIFEST, **change), evaluation)


def test_the_same_files_give_the_same_bytes(evaluation: Evaluation) -> None:
    again = msgspec.json.decode(msgspec.json.encode(evaluation), type=Evaluation)
    assert markdown(card(MANIFEST, evaluation)) == markdown(card(MANIFEST, again))
    assert page(card(MANIFEST, evaluation)) == page(card(MANIFEST, again))


def test_names_from_data_are_no_markup(evaluation: Evaluation) -> None:
    text = markdown(card(MANIFEST, evaluation))
    assert r"| \<script\>alert(1)\</script\> \| \`gpt\` |" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.replace(r"\|", "").count("|") == line_above_has(text, line)
    shown = page(card(MANIFEST, evaluation))
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "&lt;b&gt;bold" in shown


def line_above_has(text: str, line: str) -> int:
    """How many cells the head of a row's table has."""
    lines = text.splitlines()
    at = lines.index(line)
    while lines[at - 1].startswith("|"):
        at -= 1
    return lines[at].replace(r"\|", "").count("|")


def test_the_page_asks_nothing_of_any_server(evaluation: Evaluation) -> None:
    asked: list[tuple[str, str]] = []
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                opened.append(tag)
            asked.extend((tag, name) for name, _ in attrs if name in {"src", "href", "action", "data"})

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Reader().feed(page(card(MANIFEST, evaluation)))
    assert (asked, opened) == ([], [])


def test_every_row_has_as_many_cells_as_its_head(evaluation: Evaluation) -> None:
    for section in card(MANIFEST, evaluation).sections:
        for block in section.blocks:
            if isinstance(block, Table):
                assert {len(row) for row in block.rows} <= {len(block.head)}


def test_prose_of_ones_own_takes_the_place_of_the_default(tmp_path: Path) -> None:
    path = tmp_path / "prose.yaml"
    path.write_text("owners: The team\nuses: [To learn.]\n")
    text = markdown(detector_card(MANIFEST, None, read_prose(path, DetectorProse)))
    assert "- Owners: The team" in text
    assert "- To learn." in text
    assert "To show the staff" not in text
    assert "Automatic punishment" in text


@pytest.mark.parametrize("content", ["ownrs: me", "uses: 3", "- a", "[", ""])
def test_prose_that_no_card_has_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prose.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"card: .*prose\.yaml: [^\n]*; its keys are owners, contact"):
        read_prose(path, DetectorProse)
    with pytest.raises(SettingsError, match="can't read"):
        read_prose(tmp_path / "none", GeneratorProse)


SUMMARY = GenerationSummary(
    parameters=Parameters(
        generator="tiny <model>",
        revision=None,
        weights="12" * 16,
        tokenizer="34" * 16,
        end_tokens=(0,),
        seed=9,
        samplings=("pure", "top-k=40"),
        temperature=0.8,
        new_tokens=(16, 60),
        prompts=None,
        prompt_tokens=30,
        prompt_in_text=True,
        source=None,
        number_format="float32",
        platform=("cpu",),
        packages={"torch": "2", "transformers": "5"},
    ),
    prompt_texts=0,
    all=GeneratedFigures(
        texts=4, empty=1, ended=0.25, new_tokens={"p50": 17.5}, repeated_4_grams=None, distinct={"1": 0.5}
    ),
    by_sampling={
        "pure": GeneratedFigures(
            texts=4, empty=1, ended=0.25, new_tokens={}, repeated_4_grams=0.125, distinct={}
        )
    },
)


def test_a_generators_card_has_the_same_sections_and_all_parameters() -> None:
    made = generator_card(SUMMARY, read_prose(None, GeneratorProse))
    assert [section.heading for section in made.sections] == SECTIONS
    text = markdown(made)
    assert text.startswith("# Generator card: tiny \\<model\\>\n")
    assert "| all | 4 | 1 | 25.0 % | 17.5 | not measured | 50.0 % |" in text
    assert "| pure | 4 | 1 | 25.0 % | not measured | 12.5 % | not measured |" in text
    for said in (
        "Seed: 9.",
        "pure, top-k=40; temperature 0.8",
        "16 to 60",
        "torch 2, transformers 5",
        "Prompts: none;",
    ):
        assert said in text
    assert "tiny &lt;model&gt;" in page(made)
