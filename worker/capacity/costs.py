"""What the worker's steps cost, as measured on some machine: `flagstaff plan --measure` writes the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from worker.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

Seconds = Annotated[float, Meta(ge=0, le=3600)]
Switches = Annotated[float, Meta(ge=0, le=1000)]


class Affine(Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds of a step that works on several things at once: so much a time, and so much for each."""

    fixed: Seconds
    each: Seconds

    def of(self, count: float) -> float:
        """Seconds for so many."""
        return self.fixed + self.each * count


class Costs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker process, its steps one by one.

    Seconds are those of one core unless they say that they are waited for. All but the model's run in Python
    and share its interpreter lock.

    Attributes:
        measured_on: machine, detector and condition, in words.
        switch: for how long a thread asks another one for the interpreter lock.
        poll: a fetch; each record of it, with the poll that takes it.
        turn: a turn of the main loop without anything to do.
        fetch_wait: waited for between asking Kafka for records that are there and having them.
        fetch_switches: times that the interpreter lock is asked for meanwhile.
        prepare: a batch; each post, without encoding.
        encode: each token.
        prepare_wait: waited for Redis: a batch, each post.
        score: a run of the model; each token.
        score_alone: seconds that such a run lasts by itself: with few posts not all cores have work.
        token_budget: tokens of a full batch.
        score_cores: most cores that the model computes on at a time; 0: none, as it is on a GPU.
        score_in_python: share of `score` that holds the interpreter lock.
        decide: a batch; each post.
        decide_wait: waited for Redis: a batch, each post.
        settle: each post, in the main loop between decision and commit.
        publish: a transaction; each record in it.
        commit_wait: waited for Kafka in a transaction.
        commit_switches: times that the interpreter lock is asked for meanwhile.
    """

    measured_on: str
    switch: Seconds
    poll: Affine
    turn: Seconds
    fetch_wait: Seconds
    fetch_switches: Switches
    prepare: Affine
    encode: Seconds
    prepare_wait: Affine
    score: Affine
    score_alone: Affine
    token_budget: Annotated[int, Meta(ge=1)]
    score_cores: Annotated[float, Meta(ge=0, le=1024)]
    score_in_python: Annotated[float, Meta(ge=0, le=1)]
    decide: Affine
    decide_wait: Affine
    settle: Seconds
    publish: Affine
    commit_wait: Seconds
    commit_switches: Switches


def read_costs(path: Path) -> Costs:
    """The costs in a file.

    Raises:
        SettingsError: it can't be read, or is no such file.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Costs)
    except OSError as error:
        raise SettingsError(f"plan: can't read {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"plan: {path} holds no costs as `flagstaff plan --measure` writes them: {error}"
        ) from None
