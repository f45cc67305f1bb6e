"""Costs that are easy to reckon with, for tests of the capacity simulation."""

from __future__ import annotations

from typing import Any

import msgspec

from worker.capacity.costs import Affine, Costs
from worker.capacity.simulation import Shape
from worker.settings import StreamSettings

FREE = Affine(0.0, 0.0)
# Nothing costs anything.
NOTHING = Costs(
    measured_on="a test",
    switch=0.0,
    poll=FREE,
    turn=0.0,
    fetch_wait=0.0,
    fetch_switches=0.0,
    prepare=FREE,
    encode=0.0,
    prepare_wait=FREE,
    score=FREE,
    score_alone=FREE,
    token_budget=1,
    score_cores=0.0,
    score_in_python=0.0,
    decide=FREE,
    decide_wait=FREE,
    settle=0.0,
    publish=FREE,
    commit_wait=0.0,
    commit_switches=0.0,
)
# As a worker with a small transformer has them: posts of 72 tokens are some 450 a second.
USUAL = msgspec.structs.replace(
    NOTHING,
    switch=0.001,
    poll=Affine(0.001, 5e-6),
    turn=0.0005,
    fetch_wait=0.001,
    fetch_switches=4.0,
    prepare=Affine(3e-5, 5e-6),
    encode=5e-7,
    score=Affine(0.002, 5.5e-5),
    score_alone=Affine(0.001, 2.75e-5),
    token_budget=4_096,
    score_cores=2.0,
    decide=Affine(3e-5, 6e-6),
    settle=6e-6,
    publish=Affine(0.003, 2e-5),
    commit_wait=0.01,
    commit_switches=10.0,
)


def costs(base: Costs = NOTHING, **others: Any) -> Costs:
    """Costs that differ from others in these."""
    return msgspec.structs.replace(base, **others)


def shape(token_budget: int = 1, *, latency_s: float = 0.0, interval_ms: int = 1, **stream: Any) -> Shape:
    """A worker of two cores."""
    settings = StreamSettings(transaction_interval_ms=interval_ms, **stream)
    return Shape(2.0, token_budget, latency_s, settings, 500.0)
