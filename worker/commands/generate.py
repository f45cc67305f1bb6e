"""`flagstaff generate`: labelled machine text from any causal language model."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from worker.commands.context import settings_of
from worker.commands.progress import progress
from worker.errors import SettingsError
from worker.lab.generation.file import GeneratedFile, encoded, read_generated
from worker.lab.generation.lines import GenerationError
from worker.lab.generation.location import locate_model
from worker.lab.generation.prompts import read_prompts
from worker.lab.generation.recipe import Recipe, parse_new_tokens
from worker.lab.generation.sampling import parse_sampling
from worker.lab.generation.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.detector.calibration import NumberFormat
    from worker.lab.generation.lines import GeneratedText
    from worker.lab.generation.writer import Writer

_STDOUT: Final = "-"
_FORMATS: Final[dict[str, NumberFormat]] = {"float32": "float32", "bfloat16": "bfloat16"}


@click.command("generate")
@click.option(
    "--model",
    required=True,
    metavar="DIR|FILE.gguf|HUB_ID",
    help="A causal language model that transformers loads.",
)
@click.option("--revision", metavar="COMMIT", help="The commit of a hub id, 40 hexadecimal digits.")
@click.option("--name", help="What the lines call the generator; the model's own name, unless given.")
@click.option(
    "--prompts",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="JSON lines with `text`: the first tokens of each are a prompt. Else texts begin from nothing.",
)
@click.option(
    "--prompt-tokens",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="How many tokens of such a text are the prompt.",
)
@click.option(
    "--prompt-in-text/--new-text-only",
    default=True,
    show_default=True,
    help="Whether the prompt is part of the text that is written.",
)
@click.option(
    "--sampling",
    multiple=True,
    default=("pure",),
    show_default=True,
    metavar="METHOD",
    help="pure, top-k=40 or nucleus=0.9; several are a mix, of which one is drawn for each text.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="What logits are divided by.",
)
@click.option(
    "--tokens",
    metavar="N|FROM:TO",
    default="200",
    show_default=True,
    help="The most new tokens; a range is drawn from log-uniformly, anew for each text.",
)
@click.option(
    "--count", type=click.IntRange(min=1), help="How many texts; one for each prompt, unless given."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of prompts, lengths, methods and tokens.",
)
@click.option(
    "--source", help="What the lines call their source; the prompts' family and the name, unless given."
)
@click.option(
    "--dtype",
    type=click.Choice(list(_FORMATS)),
    default="float32",
    show_default=True,
    help="Number format of the weights in memory.",
)
@click.option(
    "--out",
    required=True,
    metavar="FILE|-",
    help="JSON lines to write, or to continue; - for standard output.",
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Figures of the texts as JSON, for `flagstaff card`.",
)
@click.pass_context
def generate(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: str,
    revision: str | None,
    name: str | None,
    prompts: Path | None,
    prompt_tokens: int,
    prompt_in_text: bool,
    sampling: tuple[str, ...],
    temperature: float,
    tokens: str,
    count: int | None,
    seed: int,
    source: str | None,
    dtype: str,
    out: str,
    summary: Path | None,
) -> None:
    """Write texts of a language model as JSON lines that train and evaluate read.

    Each line has the text, its label (machine) and every parameter it was made with. A text depends on the
    seed and its number, not on how many are made. A FILE that is there is continued where it was
    interrupted, if the parameters are the same. The device is the settings' detector.device.
    """
    recipe = Recipe(
        seed=seed,
        samplings=tuple(parse_sampling(one) for one in sampling),
        temperature=temperature,
        new_tokens=parse_new_tokens(tokens),
        prompt_tokens=prompt_tokens,
        prompt_in_text=prompt_in_text,
        source=source,
    )
    if prompts is None and count is None:
        raise SettingsError("generate: give --count, or --prompts for one text each")
    device = settings_of(ctx).detector.device
    begun = read_prompts(prompts) if prompts is not None else None
    if revision is not None:
        click.echo(f"generate: fetching what is not here yet of {model} at {revision}", err=True)
    where = locate_model(model, revision)

    # Imported here: they need an extra, and a mistake in the arguments is told without it.
    import torch  # noqa: PLC0415

    from worker.detector.device import device_of  # noqa: PLC0415
    from worker.lab.generation.model import load_language_model  # noqa: PLC0415
    from worker.lab.generation.writer import Named, Writer  # noqa: PLC0415

    language = load_language_model(where.path, device_of(device), getattr(torch, dtype))
    writer = Writer(language, Named(name or where.name, revision, _FORMATS[dtype]), recipe, begun)
    if writer.too_short:
        click.echo(f"generate: {writer.too_short} texts are too short for such a prompt", err=True)
    total = _total(writer, count)
    texts = _to_stdout(writer, total) if out == _STDOUT else _to_file(writer, total, Path(out))
    if summary is not None:
        _summarise(texts, summary)
    else:
        deque(texts, maxlen=0)


def _total(writer: Writer, count: int | None) -> int:
    most = writer.most_texts
    if most is None:
        assert count is not None  # noqa: S101 - asked for above
        return count
    if count is not None and count > most:
        raise SettingsError(
            f"generate: --count {count}: there are {most} prompts, and each is used once; ask for fewer, or "
            "leave it out"
        )
    return count or most


def _to_stdout(writer: Writer, total: int) -> Iterator[GeneratedText]:
    for text in _shown(writer.texts(0, total), 0, total):
        sys.stdout.buffer.write(encoded(text))
        sys.stdout.buffer.flush()
        yield text


def _to_file(writer: Writer, total: int, path: Path) -> Iterator[GeneratedText]:
    """Writes what is missing of the file; gives what is in it."""
    with GeneratedFile(path, writer.parameters) as file:
        there = file.lines
        if there:
            click.echo(f"generate: {path} has {there} texts already; it is continued", err=True)
        for text in _shown(writer.texts(there, total), there, total):
            file.write(text)
    click.echo(f"generate: {max(there, total)} texts are in {path}", err=True)
    yield from read_generated(path)


def _shown(texts: Iterator[GeneratedText], done: int, total: int) -> Iterator[GeneratedText]:
    with progress("texts", total) as update:
        update(done)
        for text in texts:
            yield text
            done += 1
            update(done)


def _summarise(texts: Iterable[GeneratedText], path: Path) -> None:
    described = msgspec.json.format(msgspec.json.encode(summarise(texts)), indent=2)
    try:
        path.write_bytes(described + b"\n")
    except OSError as error:
        raise GenerationError(f"generate: can't write to {path}: {error.strerror}") from None
