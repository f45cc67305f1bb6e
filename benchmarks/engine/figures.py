"""What follows from the rounds: ratios of one round each, and their spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.engine.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.engine.lineup import Absence
    from benchmarks.engine.rounds import Measured, Row
    from benchmarks.engine.task import NumberFormat

_YARDSTICK: Final = ("pipeline_32", "float32")


class Line(NamedTuple):
    """One contestant in figures.

    Attributes:
        key: its name in JSON.
        name: its name for people.
        number_format: what it computes in.
        posts_per_s: in the median round.
        over_pipeline_32: its rate over that of `pipeline`, batch 32, in float32; None without that.
        engine_over: this engine's rate in the same format over its own; None without this engine.
        of_matmul: its share of the bare matrix multiply's rate in the same format.
        worst_difference: of a logit to this engine's in float32.
    """

    key: str
    name: str
    number_format: NumberFormat
    posts_per_s: float
    over_pipeline_32: Spread | None
    engine_over: Spread | None
    of_matmul: Spread
    worst_difference: float


def lines(measured: Measured, posts: int, operations: float) -> list[Line]:
    """A line a contestant.

    Args:
        measured: the rounds.
        posts: how many each round scored.
        operations: what they cost, padding not counted.
    """
    rows = {(row.contestant.key, row.contestant.number_format): row for row in measured.rows}
    yardstick = rows.get(_YARDSTICK)
    return [
        Line(
            key,
            row.contestant.name,
            number_format,
            Spread.of(posts / taken for taken in row.seconds).median,
            _ratio(yardstick, row),
            _ratio(row, rows.get(("engine", number_format))),
            Spread.of(
                operations / taken / ceiling
                for taken, ceiling in zip(row.seconds, measured.ceilings[number_format], strict=True)
            ),
            row.worst_difference,
        )
        for (key, number_format), row in rows.items()
    ]


def _ratio(slower: Row | None, faster: Row | None) -> Spread | None:
    """How many times as fast the second one is, round by round."""
    if slower is None or faster is None:
        return None
    return Spread.of(ours / theirs for ours, theirs in zip(slower.seconds, faster.seconds, strict=True))


def flat(found: Iterable[Line]) -> dict[str, object]:
    """All lines as one flat object."""
    figures: dict[str, object] = {}
    for line in found:
        place = f"{line.key}.{line.number_format}"
        figures |= {
            f"{place}.posts_per_s": line.posts_per_s,
            f"{place}.worst_difference": line.worst_difference,
        }
        figures |= line.of_matmul.flat(f"{place}.of_matmul")
        if line.over_pipeline_32 is not None:
            figures |= line.over_pipeline_32.flat(f"{place}.over_pipeline_32")
        if line.engine_over is not None and line.key != "engine":
            figures |= line.engine_over.flat(f"engine.{line.number_format}.over_{line.key}")
    return figures


def contract(found: Sequence[Line], absent: Sequence[Absence], formats: Sequence[str]) -> dict[str, object]:
    """The figures that `flagstaff bench` promises of the engine; null with its reason where there is none.

    `engine.over_pipeline_32` and `engine.of_matmul` are those of float32.

    Args:
        found: the lines.
        absent: who did not take part.
        formats: the number formats that were measured.
    """
    by_place = {(line.key, line.number_format): line for line in found}
    figures: dict[str, object] = {}

    def put(key: str, spread: Spread | None, number_format: NumberFormat, peers: Sequence[str]) -> None:
        if spread is not None:
            figures.update(spread.flat(key))
            return
        figures[key] = None
        figures[f"{key}.reason"] = _reason(number_format, peers, absent, formats)

    pipeline, engine = by_place.get(_YARDSTICK), by_place.get(("engine", "float32"))
    put("engine.over_pipeline_32", pipeline and pipeline.engine_over, "float32", ("engine", "pipeline"))
    formats_of_openvino: tuple[NumberFormat, ...] = ("float32", "bfloat16", "int8")
    for number_format in formats_of_openvino:
        peer = by_place.get(("openvino", number_format))
        key = f"engine.over_openvino_{number_format}"
        put(key, peer and peer.engine_over, number_format, ("engine", "openvino"))
    put("engine.of_matmul", engine and engine.of_matmul, "float32", ("engine",))
    return figures


def _reason(
    number_format: NumberFormat, peers: Sequence[str], absent: Sequence[Absence], formats: Sequence[str]
) -> str:
    if number_format not in formats:
        if number_format == "bfloat16":
            return "this CPU has no bfloat16 of its own"
        return f"{number_format} was not asked for"
    for one in absent:
        if one.number_format == number_format and one.engine in peers:
            return f"{one.engine}, {number_format}: {one.reason}"
    return f"{' or '.join(peers)} was not asked for"
