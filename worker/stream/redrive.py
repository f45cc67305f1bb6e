"""Sends chosen dead letters back to the posts topic, once each.

For every letter sent back, a marker goes to the dead-letter topic in the same transaction: a record without
a value whose header `flagstaff-redriven` names the letter. A redrive reads the whole topic first and passes
over what a marker names, so one that was killed half-way goes on where it stopped. Two at once share a
transactional id: the later one fences the earlier one before it reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import KafkaProducer

from worker.stream.client import producer_options
from worker.stream.dead_letters import ATTEMPTS, ERROR, OURS, STAGE
from worker.stream.delivery import raise_failure
from worker.stream.extent import ExtentReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.settings import Settings
    from worker.stream.extent import Extent

REDRIVEN: Final = "flagstaff-redriven"
_BATCH: Final = 500


class Choice(NamedTuple):
    """Which dead letters are meant: all conditions hold; None: any."""

    stage: str | None = None
    error_contains: str | None = None
    max_attempts: int | None = None

    def takes(self, record: Any) -> bool:
        """Whether a dead letter is meant."""
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        if self.stage is not None and headers.get(STAGE) != self.stage:
            return False
        if self.error_contains is not None and self.error_contains not in headers.get(ERROR, ""):
            return False
        return self.max_attempts is None or int(headers.get(ATTEMPTS, "1")) <= self.max_attempts


class Redriven(NamedTuple):
    """How many letters there were, and what became of them."""

    letters: int
    sent: int
    sent_before: int
    not_chosen: int


def redrive(
    settings: Settings, choice: Choice, *, limit: int | None, progress: Callable[[int], None]
) -> Redriven:
    """Sends chosen dead letters back.

    Args:
        settings: all settings.
        choice: which letters are meant.
        limit: most letters to send; None: all.
        progress: called with the number of letters sent after each transaction.

    Raises:
        KafkaError: a transaction did not go through; what went before is sent and marked. Run it again.
        BrokerError: the dead-letter topic can't be read to its end.
    """
    reader = ExtentReader(settings.kafka, settings.topics.dead_letters)
    producer = KafkaProducer(
        **producer_options(settings.kafka, f"{settings.kafka.transactional_id_prefix}-redrive")
    )
    try:
        # Before reading: this ends whatever an earlier redrive left open.
        producer.init_transactions()
        (extent,) = reader.extents([0])
        done = {name for record in _records(reader, extent) if (name := _marked(record)) is not None}
        sent = before = passed_over = 0
        batch: list[Any] = []
        for record in _records(reader, extent):
            if _marked(record) is not None:
                continue
            if _name(record) in done:
                before += 1
            elif not choice.takes(record) or (limit is not None and sent + len(batch) >= limit):
                passed_over += 1
            else:
                batch.append(record)
            if len(batch) == _BATCH:
                sent += _send(producer, settings, batch)
                batch = []
                progress(sent)
        if batch:
            sent += _send(producer, settings, batch)
            progress(sent)
    finally:
        producer.close(timeout=5)
        reader.close()
    return Redriven(sent + before + passed_over, sent, before, passed_over)


def _send(producer: Any, settings: Settings, letters: list[Any]) -> int:
    producer.begin_transaction()
    sent = []
    for letter in letters:
        # How often it failed stays with the record, so that its next dead letter counts on.
        headers = [(name, value) for name, value in letter.headers if name not in OURS or name == ATTEMPTS]
        back = producer.send(settings.topics.posts, value=letter.value, key=letter.key, headers=headers)
        marker = producer.send(
            settings.topics.dead_letters,
            value=None,
            key=letter.key if letter.key is not None else _name(letter).encode(),
            headers=[(REDRIVEN, _name(letter).encode())],
            partition=letter.partition,
        )
        raise_failure([back, marker])
        sent += [back, marker]
    producer.flush()
    # A marker without its letter would be a letter lost.
    raise_failure(sent)
    producer.commit_transaction()
    return len(letters)


def _name(record: Any) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def _marked(record: Any) -> str | None:
    for name, value in record.headers:
        if name == REDRIVEN:
            return str(value.decode(errors="replace"))
    return None


def _records(reader: ExtentReader, extent: Extent) -> Iterator[Any]:
    for records, _ in reader.records(extent):
        yield from records
