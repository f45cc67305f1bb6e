"""The command line. Each command is a module of this package that exports it under its own name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from worker import __version__
from worker.commands.lazy import LazyGroup
from worker.errors import FlagstaffError
from worker.extras import how_to_install

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED: Final = 130

SUMMARIES: Final = {
    "demo": "See it work: posts, the real worker, a table of flags.",
    "run": "Decide posts until told to stop: the worker.",
    "embedded": "Run a real Kafka and a real Valkey in a folder.",
    "send": "Put posts on the posts topic.",
    "score": "Score posts without Kafka or Redis.",
    "topics": "Show, make and check the topics; print the rights of each part.",
    "check": "Check settings, detector, brokers, topics, rights and Redis.",
    "schema": "Print or write the schemas of the records.",
    "warm": "Build the signal state again from the posts topic.",
    "hold": "Show which actions are held down to label, and lift that.",
    "replay": "Decide a range of posts again and tell what differs, and why.",
    "backtest": "Try other detectors and policies on a range of posts.",
    "verify": "Check a replay's or a backtest's outputs against its manifest.",
    "review": "Serve the console in which the staff decide about flags.",
    "explain": "Write the notice to an author, in plain words, from a flag.",
    "transparency": "Write the report on a period for the public.",
    "redrive": "Send dead letters back to the posts topic.",
    "stage": "Let a new detector or policy go out in stages, or take it back.",
    "generate": "Write labelled texts of a language model.",
    "train": "Train a detector: linear, an encoder, or several as one.",
    "evaluate": "Measure a detector on labelled texts, as JSON and as a page.",
    "calibrate": "Give a detector probabilities and a threshold from your own texts.",
    "convert": "Write a checkpoint of any form as a directory that runs.",
    "card": "Write a model card, or a generator's card.",
    "plan": "Simulate a load: workers, partitions, memory, bytes, costs.",
    "bench": "Measure engine, stream, cache and replay beside their peers.",
}


@click.group(
    cls=LazyGroup,
    package=__name__,
    summaries=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings as YAML; the environment wins.",
)
@click.version_option(__version__, prog_name="flagstaff")
def flagstaff(config: Path | None) -> None:
    """Estimate which posts a language model wrote, and flag them for the staff who decide.

    Settings are environment variables that begin with FLAGSTAFF_, or a YAML file.
    """
    del config  # read by `settings_of`, once a command needs it


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Exit codes: 0 done, 1 failed, 2 bad usage or settings, 3 stopped by a breaker, 130 interrupted.
    """
    try:
        code = flagstaff.main(arguments, prog_name="flagstaff", standalone_mode=False)
        sys.stdout.flush()
    except FlagstaffError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        if (sentence := how_to_install(error)) is None:
            raise
        _say(sentence)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read the output has enough. What is still buffered must not fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _say(sentence: str) -> None:
    click.echo(f"flagstaff: {' '.join(sentence.split())}", err=True)
