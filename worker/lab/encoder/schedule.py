"""The learning rate over a training: up in a line, then down in a line to nothing."""

from __future__ import annotations


def rate_factor(done: float, warmup: float) -> float:
    """What the highest learning rate is multiplied by.

    Args:
        done: how much of the training is over, from 0 to 1.
        warmup: the share over which it rises.
    """
    if done < warmup:
        return done / warmup
    return max(0.0, (1.0 - done) / (1.0 - warmup))


def share_done(step: int, steps: int, minutes: float, max_minutes: float | None) -> float:
    """How much of a training is over, by steps or by time, whichever is further.

    Args:
        step: the one that comes, from 1.
        steps: of the whole.
        minutes: that it has taken.
        max_minutes: that it may take, None for any.
    """
    by_steps = step / (steps + 1)
    return by_steps if max_minutes is None else min(1.0, max(by_steps, minutes / max_minutes))
