"""What was seen of a challenger since its stage began: from the shadow, flags and decisions topics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from kafka.errors import KafkaError
from msgspec import Struct

from worker.errors import BrokerError, SettingsError
from worker.records import Decision, Flag, GateReading, ShadowDecision, StageStep
from worker.release import gates, reviewer_gates
from worker.release.seen import BiasOutcome, Pair, ReviewedFlag, acts
from worker.release.steps import digests
from worker.stream.extent import ExtentReader
from worker.stream.refusal import in_words
from worker.verdicts import majority, votes_by_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from worker.settings import Settings

    # Called with a topic's name, offsets passed, and offsets in all.
    Progress = Callable[[str, int, int], None]

T = TypeVar("T", bound=Struct)


class Measured(NamedTuple):
    """What the gates are given.

    Attributes:
        pairs: posts that both decided, against the live one that decided last.
        own: the challenger's published flags that were reviewed.
        others: the live one's.
        elsewhere: compared posts that are not counted: of another challenger, or an earlier live one.
        unreadable: records that are none.
    """

    pairs: list[Pair]
    own: list[ReviewedFlag]
    others: list[ReviewedFlag]
    elsewhere: int
    unreadable: int


def measure(settings: Settings, step: StageStep, progress: Progress) -> Measured:
    """What was seen since the step was taken.

    Args:
        settings: topics.
        step: the stage in force.
        progress: is told how far each topic is read.

    Raises:
        BrokerError: a topic is not there or can't be read.
    """
    topics = settings.topics
    since = int(step.at.timestamp() * 1000)
    wrong: list[int] = []
    machine = {
        flag_id: verdict == "machine"
        for flag_id, votes in votes_by_flag(
            _records(settings, topics.decisions, since, Decision, wrong, progress)
        ).items()
        if (verdict := majority(votes)) is not None
    }
    compared = {
        one.flag.id: one for one in _records(settings, topics.shadow, since, ShadowDecision, wrong, progress)
    }
    pairs = _pairs(list(compared.values()), step, machine)
    own: list[ReviewedFlag] = []
    others: list[ReviewedFlag] = []
    if step.stage == "share" and machine:
        flags = {one.id: one for one in _records(settings, topics.flags, since, Flag, wrong, progress)}
        for flag in flags.values():
            if flag.id in machine and acts(flag.action):
                mine = (flag.detector.digest, flag.policy.digest) == digests(step.challenger)
                (own if mine else others).append(_reviewed(flag, machine[flag.id]))
    return Measured(pairs, own, others, len(compared) - len(pairs), len(wrong))


def readings(settings: Settings, step: StageStep, measured: Measured) -> tuple[GateReading, ...]:
    """Every gate of the stage in force; none where nothing is to be shown yet, and none at the top.

    Raises:
        SettingsError: the evaluation can't be read.
    """
    wanted = settings.stage.gates
    if step.stage not in {"shadow", "share"}:
        return ()
    pairs = measured.pairs
    reviewed = [
        ReviewedFlag(one.author, one.probability, one.machine) for one in pairs if one.machine is not None
    ]
    apart = step.stage == "share" and (measured.own or measured.others)
    found = [
        gates.disagreement(pairs, wanted),
        gates.flag_rate(pairs, wanted),
        reviewer_gates.verdicts_apart(measured.own, measured.others, wanted)
        if apart
        else reviewer_gates.verdicts_beside(pairs, wanted),
        reviewer_gates.calibration([*reviewed, *measured.own], wanted),
    ]
    if step.challenger.detector_digest != step.live.detector_digest:
        found.append(gates.bias(_bias(wanted.evaluation), step.challenger.detector_digest))
    return tuple(found)


def _pairs(compared: list[ShadowDecision], step: StageStep, machine: Mapping[str, bool]) -> list[Pair]:
    mine = [
        one
        for one in compared
        if (one.flag.detector.digest, one.flag.policy.digest) == digests(step.challenger)
    ]
    # The live one may have been changed meanwhile: what was compared with an earlier one tells nothing now.
    last = max(mine, key=lambda one: one.flag.source.timestamp, default=None)
    return [
        Pair(
            author=one.flag.author_id or one.flag.post_id,
            challenger=one.flag.action,
            live=one.live.action,
            probability=one.flag.detector.probability if one.flag.detector.calibrated else None,
            machine=machine.get(one.live.flag_id),
        )
        for one in mine
        if last is not None and (one.live.detector, one.live.policy) == (last.live.detector, last.live.policy)
    ]


def _reviewed(flag: Flag, machine: bool) -> ReviewedFlag:  # noqa: FBT001 - what a verdict says
    probability = flag.detector.probability if flag.detector.calibrated else None
    return ReviewedFlag(flag.author_id or flag.post_id, probability, machine)


def _records(  # noqa: PLR0913, PLR0917 - what reading a topic takes
    settings: Settings, topic: str, since_ms: int, kind: type[T], wrong: list[int], progress: Progress
) -> Iterator[T]:
    """Every record since then; the offsets of those that are no such thing go into `wrong`."""
    decoder = msgspec.json.Decoder(kind)
    try:
        reader = ExtentReader(settings.kafka, topic)
        try:
            (extent,) = reader.extents([since_ms])
            for records, passed in reader.records(extent):
                for record in records:
                    try:
                        yield decoder.decode(record.value or b"")
                    except msgspec.MsgspecError:
                        wrong.append(record.offset)
                progress(topic, passed, extent.length)
        finally:
            reader.close()
    except KafkaError as error:
        raise BrokerError(f"stage: the topic {topic!r} can't be read: {in_words(error)}") from error


class _Failure(Struct):
    of: str
    group: str
    why: str


class _Bias(Struct):
    groups: list[Any]
    rewritings: list[Any]
    gate: dict[str, Any] | None
    failures: list[_Failure]


class _Detector(Struct):
    digest: str


class _Evaluation(Struct):
    """Of `evaluation.json` only what is needed here: reading it whole takes the lab's packages."""

    detector: _Detector
    bias: _Bias | None = None


def _bias(evaluation: str | None) -> BiasOutcome | None:
    if evaluation is None:
        return None
    try:
        found = msgspec.json.decode(Path(evaluation).read_bytes(), type=_Evaluation)
    except OSError as error:
        raise SettingsError(f"stage.gates.evaluation: can't read {evaluation}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise SettingsError(
            f"stage.gates.evaluation: {evaluation} is not what `flagstaff evaluate` writes: {error}"
        ) from None
    bias = found.bias
    if bias is None or bias.gate is None:
        return BiasOutcome(found.detector.digest, None, ())
    failures = tuple(f"{one.of}, {one.group}: {one.why}" for one in bias.failures)
    return BiasOutcome(found.detector.digest, len(bias.groups) + len(bias.rewritings), failures)
