"""All costs of a worker on this machine, each step by itself: `flagstaff plan --measure`."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from worker.capacity.costs import Affine, Costs
from worker.capacity.kafka_measuring import TRICKLE, fill, publishing_costs, reading_costs
from worker.capacity.measuring import SIZES, detector_costs, machine, stage_costs
from worker.capacity.whole_measuring import core_seconds_a_post
from worker.detector.calibration import Calibration
from worker.detector.loading import load_detector
from worker.detector.protocol import Encoded
from worker.intake import PostReader
from worker.redis_link import RedisLink
from worker.settings import TopicSettings
from worker.stream.decider import Current, first_decider
from worker.stream.notes import Notes
from worker.stream.outbox import Outgoing
from worker.stream.slot import Slot
from worker.stream.source import Source
from worker.stream.stages import Stages
from worker.text import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.protocol import Detector
    from worker.settings import Settings

_ROUNDS: Final = 12
_TEXTS: Final = 4_000
_RECORD_BYTES: Final = 900
_NOTHING: Final = Affine(0.0, 0.0)


class FreeDetector:
    """Costs nothing, so that what a stage takes is its own; calibrated, so that nothing is skipped."""

    name = "free"
    digest = "free"
    calibration = Calibration(fitted=True, languages=("en",))
    batch_tokens = 2**31
    on_gpu = False

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """A token each."""
        return [Encoded(None, 1, False)] * len(texts)

    def logits(self, batch: Sequence[Encoded]) -> list[float]:
        """Human, all of them."""
        return [-6.0] * len(batch)


def measured_costs(
    settings: Settings,
    given: Sequence[bytes],
    *,
    detector: Detector | None = None,
    seconds: float = 10.0,
    backlog: int = 120_000,
) -> Costs:
    """What each step costs here.

    Kafka is an embedded one, and so is Redis where the settings name one: nothing of the user's is touched.

    Args:
        settings: the worker's own.
        given: posts as they are on the topic; at least one.
        detector: for callers that bring their own; None: the one that the settings name.
        seconds: about how long the model is run.
        backlog: posts that a whole worker reads.

    Raises:
        EmbeddedError: Kafka or Valkey can't be started.
        DetectorError: the detector can't be loaded.
        SettingsError: a setting is wrong.
    """
    from worker.embedded import EmbeddedKafka, EmbeddedValkey  # noqa: PLC0415 - an extra

    model = detector if detector is not None else load_detector(settings.detector)
    count = sum(SIZES) * _ROUNDS
    records = list(islice(cycle(given), count))
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(EmbeddedKafka(root / "kafka", keep=False))
        url = ""
        if settings.redis.url:
            url = stack.enter_context(EmbeddedValkey(root / "valkey", keep=False)).url
        own = _own(settings, kafka.bootstrap_servers, url, root / "data")
        fill(own, "posts", islice(cycle(given), max(count, backlog)), together=4_000)
        fill(own, "flags", [], together=1)
        fill(own, "dead-letters", [], together=1)
        # First, as it sets how threads take turns and when garbage is collected, which counts for the rest.
        whole = core_seconds_a_post(own, FreeDetector(), max(count, backlog))
        fill(own, "trickle", records[: count // TRICKLE], together=4)
        again = msgspec.structs.replace(own.kafka, group_id="measured-again")
        few = msgspec.structs.replace(
            own.kafka, group_id="trickle", client={"max_partition_fetch_bytes": 1, "fetch_max_bytes": 1}
        )
        full, trickle = (
            Source(kafka_settings, topic, process_number=0)
            for kafka_settings, topic in ((again, "posts"), (few, "trickle"))
        )
        stack.callback(full.close, 1.0)
        stack.callback(trickle.close, 1.0)
        read = reading_costs(own, full, trickle, count)
        flag = Outgoing(
            "flags", b"x" * _RECORD_BYTES, b"key", [("decided-at", b"x" * 29), ("worker", b"x" * 20)]
        )
        published = publishing_costs(own, full, flag)
        link = RedisLink(own.redis) if url else None
        slot = Slot(Path(own.data_dir))
        notes = Notes(slot, "measured", link=link, key=f"{own.redis.prefix}:noted:measured")
        stages = Stages(
            own,
            reader=PostReader(
                own.fields, max_text_chars=own.stream.max_text_chars, max_bytes=own.stream.max_post_bytes
            ),
            current=Current(first_decider(own, link, detector=FreeDetector())),
            notes=notes,
            tenures=full.tenures,
            worker="measured",
        )
        stage = stage_costs(stages, read.items)
        notes.close()
        slot.release()
    texts = [canonical(msgspec.json.decode(record)["text"]) for record in records[:_TEXTS]]
    budget = settings.detector.token_budget or model.batch_tokens
    of_model = detector_costs(model, texts, budget, seconds)
    signals = ", ".join(settings.signals.enabled) or "none"
    servers = f"{'an embedded Valkey' if url else 'no Redis'}, an embedded Kafka"
    return Costs(
        measured_on=f"{machine()}; detector {model.name}; signals {signals}; {servers}",
        switch=sys.getswitchinterval(),
        poll=read.poll,
        turn=read.turn,
        fetch_wait=read.fetch_wait,
        fetch_switches=read.fetch_switches,
        prepare=stage.prepare,
        encode=of_model.encode,
        prepare_wait=stage.prepare_wait if url else _NOTHING,
        score=of_model.score,
        score_alone=of_model.score_alone,
        token_budget=budget,
        score_cores=of_model.score_cores,
        score_in_python=of_model.score_in_python,
        decide=stage.decide,
        decide_wait=stage.decide_wait if url else _NOTHING,
        settle=max(0.0, whole - read.poll.each - stage.prepare.each - stage.decide.each),
        publish=published.publish,
        commit_wait=published.commit_wait,
        commit_switches=published.commit_switches,
    )


def _own(settings: Settings, servers: str, url: str, folder: Path) -> Settings:
    replace = msgspec.structs.replace
    return replace(
        settings,
        kafka=replace(
            settings.kafka,
            bootstrap_servers=servers,
            group_id="measured",
            group_instance_id=None,
            transactional_id_prefix="measured",
            auto_offset_reset="earliest",
            client={},
        ),
        redis=replace(settings.redis, url=url),
        data_dir=str(folder),
        topics=TopicSettings(),
        http=replace(settings.http, port=0),
        # Without the topic of holds, which is read and not written.
        action_rate=replace(settings.action_rate, enabled=False),
        emit="flagged",
    )
