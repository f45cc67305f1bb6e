"""A worker started as its pod template says, with secrets for SASL, TLS and Redis, decides real posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.chart import Rendered
from tests.support.pod import LocalContainer
from tests.support.pod_worker import decides_all, secrets, topics, values

if TYPE_CHECKING:
    from pathlib import Path

    from worker.embedded import EmbeddedKafka, EmbeddedValkey


def test_it_decides_every_post_once_and_its_probes_say_so(
    secured: EmbeddedKafka, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    named = topics(secured)
    made = Rendered(values(secured, named))
    (pod,) = (one for owner, one in made.pods() if owner.startswith("StatefulSet/"))
    container = LocalContainer(
        pod, tmp_path, configs=made.configs(), secrets=secrets(secured, embedded_valkey), name="worker-0"
    )
    decides_all(container, secured, named, pod["spec"]["terminationGracePeriodSeconds"])
    # It kept what it must not lose where its volume is.
    assert (tmp_path / "data/slots").is_dir()
