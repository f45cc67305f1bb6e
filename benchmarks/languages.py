"""What abstaining for a post's language costs and does: `python -m benchmarks.languages`.

Posts that state no language, and a calibration for English. Of short posts in other languages and scripts
(benchmarks/foreign_posts.json, written for this) the share on which the worker abstains is printed, of the
English human texts of ../shared/data the share on which it does so wrongly, each for several minimum
probabilities. Some of the latter are not English after all, so the true share is lower.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.detector.calibration import Calibration
from worker.errors import FlagstaffError
from worker.lab.corpus import read_samples
from worker.language import MINIMUM, LanguageTeller, current_rule
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOREIGN_POSTS: Final = Path(__file__).with_name("foreign_posts.json")
MINIMUMS: Final = (0.2, 0.3, MINIMUM, 0.5, 0.6, 0.8)
_FILES: Final = ("tweets.train", "tweets.valid", "snippets.valid", "pairs.valid")


def foreign_posts() -> dict[str, list[str]]:
    """Short posts by their language."""
    posts: dict[str, list[str]] = json.loads(FOREIGN_POSTS.read_text("utf-8"))
    return posts


def abstained(texts: Sequence[str], minimum: float = MINIMUM, languages: tuple[str, ...] = ("en",)) -> float:
    """The share of texts on which a detector for the languages abstains because of theirs."""
    calibration = Calibration(fitted=True, languages=languages, languages_by=current_rule(minimum))
    teller = LanguageTeller(calibration)
    covered = [
        calibration.covers(tokens=50, lang=teller.language(None, canonical(text)).code) for text in texts
    ]
    return covered.count(False) / len(covered)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of labelled texts")
    data = parser.parse_args().data
    rule = current_rule()
    print(f"{rule.identifier} {rule.version}; shares of texts on which a detector for English abstains")
    print(f"{'minimum probability':28} {'texts':>6} " + " ".join(f"{one:7.1f}" for one in MINIMUMS))
    show("should abstain", foreign_posts())
    try:
        english = {
            name: [one.text for one in read_samples([data / f"{name}.jsonl.gz"]) if not one.is_machine]
            for name in _FILES
        }
    except FlagstaffError as error:
        sys.exit(f"{error}; name the folder of the labelled texts with --data")
    show("should not", english)


def show(what: str, texts: Mapping[str, Sequence[str]]) -> None:
    """A row for each kind of text, and one for all."""
    print(what)
    rows = {**texts, "all": [text for kind in texts.values() for text in kind]}
    for name, some in rows.items():
        shares = " ".join(f"{abstained(some, minimum):7.2%}" for minimum in MINIMUMS)
        print(f"  {name:26} {len(some):6} {shares}")


if __name__ == "__main__":
    main()
