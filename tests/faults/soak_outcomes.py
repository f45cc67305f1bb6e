"""Many rounds of a worker whose transactions' outcomes are not known.

`python -m tests.faults.soak_outcomes --rounds 200` prints what was injected and what was found.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.faults.outcomes import CASES, Round, outcomes
from tests.faults.proxied import proxied_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.outcomes import Case

_COLUMNS: Final = (
    "rounds",
    "posts",
    "accepted",
    "lost",
    "doubled",
    "aborted seen",
    "left open",
    "stall s",
)


def main(given: Sequence[str] | None = None) -> int:
    """Runs the soak; returns 0 where every fault was injected and harmed nothing."""
    arguments = _arguments(given)
    rounds: list[Round] = []
    with (
        tempfile.TemporaryDirectory(prefix="outcomes-") as name,
        proxied_kafka(Path(name) / "kafka", brokers=arguments.brokers) as kafka,
        outcomes(kafka, Path(name), log=arguments.log) as bench,
    ):
        for number, case in enumerate(itertools.islice(_turns(arguments.seed), arguments.rounds), 1):
            done = bench.round(case)
            rounds.append(done)
            if not done.is_right:
                _say(f"round {number}: {done}")
            if arguments.rounds_log is not None:
                with arguments.rounds_log.open("ab") as log:
                    log.write(msgspec.json.encode(_facts(done)) + b"\n")
    _say(_table(rounds))
    return 0 if all(one.is_right for one in rounds) else 1


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="keep the worker's log here")
    parser.add_argument("--rounds-log", type=Path, help="write one JSON line a round here")
    return parser.parse_args(given)


def _turns(seed: int) -> Iterator[Case]:
    """All cases again and again, each time in another order, so that each fault follows every other."""
    turn = random.Random(seed)  # noqa: S311 - reproducible, not secret
    while True:
        yield from turn.sample(CASES, len(CASES))


def _facts(done: Round) -> dict[str, Any]:
    assert done.case is not None
    return {
        "request": done.case.request,
        "fault": done.case.fault,
        "injected": done.injected,
        "answer": done.answer,
        "events": done.events,
        "lost": done.lost,
        "doubled": done.doubled,
        "aborted_seen": done.aborted_seen,
        "left_open": done.left_open,
        "stall_s": round(done.stall_s, 3),
    }


def _table(rounds: Sequence[Round]) -> str:
    """One row a case: how many rounds, and the sums over them; of stalls, the longest.

    `accepted` counts the rounds in which the broker took the request: late ones of an old epoch it must not.
    """
    grouped: dict[Case, list[Round]] = defaultdict(list)
    for one in rounds:
        assert one.case is not None
        grouped[one.case].append(one)
    rows: list[tuple[str, ...]] = [("request", "fault", *_COLUMNS)]
    rows += [(case.request, case.fault, *_figures(grouped[case])) for case in CASES if case in grouped]
    rows.append(("all", "", *_figures(rounds)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _figures(rounds: Sequence[Round]) -> tuple[str, ...]:
    return (
        str(len(rounds)),
        str(sum(one.posts for one in rounds)),
        str(sum(one.answer == [] for one in rounds)),
        str(sum(one.lost for one in rounds)),
        str(sum(one.doubled for one in rounds)),
        str(sum(one.aborted_seen for one in rounds)),
        str(sum(bool(one.left_open) for one in rounds)),
        f"{max((one.stall_s for one in rounds), default=0.0):.2f}",
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
