"""What the staff decided, looked up by the flags that a post has, or would have."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from kafka.errors import KafkaError
from msgspec import UNSET
from msgspec.structs import replace

from worker.errors import BrokerError, SettingsError
from worker.records import Decision
from worker.replay.output import Sealed
from worker.stream.extent import ExtentReader
from worker.stream.refusal import in_words
from worker.verdicts import majority, overturned_flags, votes_by_flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from worker.backtest.figures import Verdict
    from worker.settings import Settings

_DECODER: Final = msgspec.json.Decoder(Decision)
_ENCODER: Final = msgspec.json.Encoder()
# How far the clock that stamps decisions may lag behind the one that stamps posts.
_CLOCKS_MS: Final = 3_600_000


class Staff:
    """All decisions that are counted.

    Args:
        decisions: in any order; those on texts that measure the staff are not counted.
        unreadable: records that are none.
    """

    def __init__(self, decisions: Iterable[Decision] = (), unreadable: int = 0) -> None:
        self.unreadable = unreadable
        self._by_flag: defaultdict[str, list[Decision]] = defaultdict(list)
        for one in decisions:
            if one.exercise is not UNSET:
                continue
            self._by_flag[one.flag_id].append(one)
        self._looked_up: set[str] = set()

    def verdict(self, flag_ids: Iterable[str]) -> Verdict:
        """What most reviewers said of a post, by all its flags; of each reviewer the latest word counts.

        Where an appeal against any of them was answered, the latest answer alone counts.

        Args:
            flag_ids: of the flags that the post has, or would have.
        """
        if not self._by_flag:
            return "none"
        ids = [one for one in dict.fromkeys(flag_ids) if one in self._by_flag]
        if not ids:
            return "none"
        self._looked_up.update(ids)
        together = [replace(one, flag_id="") for flag_id in ids for one in self._by_flag[flag_id]]
        return majority(votes_by_flag(together)[""]) or "unsure"

    @property
    def count(self) -> int:
        """How many decisions there are."""
        return sum(map(len, self._by_flag.values()))

    @property
    def overturned(self) -> int:
        """How many flags an appeal's answer overturned."""
        return len(overturned_flags(one for some in self._by_flag.values() for one in some))

    @property
    def elsewhere(self) -> int:
        """How many of them were on flags of no post that was looked up."""
        return sum(len(some) for flag_id, some in self._by_flag.items() if flag_id not in self._looked_up)

    def sealed(self) -> Sealed:
        """A digest of the decisions, whatever order they came in."""
        lines = sorted(_ENCODER.encode(one) + b"\n" for some in self._by_flag.values() for one in some)
        content = b"".join(lines)
        return Sealed(bytes=len(content), lines=len(lines), sha256=sha256(content).hexdigest())


def staff_of_file(path: Path) -> Staff:
    """The decisions of a file of JSON lines, as they stand on the decisions topic.

    Raises:
        SettingsError: it can't be read, or a line is no decision.
    """
    found = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    try:
                        found.append(_DECODER.decode(line))
                    except msgspec.MsgspecError as error:
                        raise SettingsError(
                            f"backtest: --decisions {path}, line {number} is no decision: {error}"
                        ) from None
    except OSError as error:
        raise SettingsError(f"backtest: --decisions {path}: {error.strerror}") from None
    return Staff(found)


def staff_of_topic(settings: Settings, since_ms: int) -> Staff:
    """The decisions that the topic holds of the time from an hour before `since_ms` on, to its end.

    Raises:
        BrokerError: the topic is not there, or can't be read.
    """
    topic = settings.topics.decisions
    wrong: list[int] = []
    try:
        reader = ExtentReader(settings.kafka, topic)
        try:
            found = list(_decisions(reader, max(0, since_ms - _CLOCKS_MS), wrong))
        finally:
            reader.close()
    except KafkaError as error:
        raise BrokerError(f"backtest: the topic {topic!r} can't be read: {in_words(error)}") from error
    return Staff(found, len(wrong))


def _decisions(reader: ExtentReader, since_ms: int, wrong: list[int]) -> Iterator[Decision]:
    (extent,) = reader.extents([since_ms])
    for records, _ in reader.records(extent):
        for record in records:
            try:
                yield _DECODER.decode(record.value or b"")
            except msgspec.MsgspecError:
                wrong.append(record.offset)
