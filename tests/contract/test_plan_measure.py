"""Costs that are measured with the real steps, on servers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import redis

from tests.support.moderation import WordDetector
from worker.capacity.calibration import measured_costs
from worker.capacity.costs import Costs
from worker.capacity.made_up import made_up_posts
from worker.capacity.scenario import Lengths
from worker.settings import PREFIX, load_settings

if TYPE_CHECKING:
    from worker.embedded import EmbeddedValkey


def test_each_step_has_its_cost_and_nothing_of_the_users_is_touched(embedded_valkey: EmbeddedValkey) -> None:
    values = {
        "REDIS__URL": embedded_valkey.url,
        "KAFKA__BOOTSTRAP_SERVERS": "nowhere:1",
        "LOG__LEVEL": "error",
    }
    settings = load_settings(environ={f"{PREFIX}{name}": value for name, value in values.items()})
    with redis.Redis.from_url(embedded_valkey.url) as client:
        before = client.dbsize()
        found = measured_costs(
            settings, made_up_posts(Lengths(), 2_000), detector=WordDetector(), seconds=0.5, backlog=1
        )
        assert client.dbsize() == before
    assert msgspec.json.decode(msgspec.json.encode(found), type=Costs) == found
    # A microsecond and a millisecond stand far on either side of what Python needs.
    for each in (found.poll.each, found.prepare.each, found.decide.each, found.publish.each):
        assert 1e-6 < each < 1e-3
    assert found.decide_wait.each > 0
    assert found.commit_wait + found.fetch_wait > 0
    assert 0 < found.encode < 1e-3
    assert "words" in found.measured_on
    assert "an embedded Valkey" in found.measured_on
