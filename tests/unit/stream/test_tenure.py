from __future__ import annotations

from kafka import TopicPartition

from worker.stream.tenure import Tenures

_P0, _P1 = TopicPartition("posts", 0), TopicPartition("posts", 1)


def test_a_partition_that_comes_back_has_another_tenure() -> None:
    tenures = Tenures()
    tenures.on_partitions_assigned([_P0, _P1])
    first = tenures.snapshot()
    tenures.on_partitions_revoked([_P0])
    assert tenures.snapshot() == {_P1: first[_P1]}
    tenures.on_partitions_assigned([_P0])
    assert tenures.snapshot()[_P0] != first[_P0]
    assert tenures.snapshot()[_P1] == first[_P1]


def test_lost_partitions_are_gone() -> None:
    tenures = Tenures()
    tenures.on_partitions_assigned([_P0])
    tenures.on_partitions_lost([_P0])
    assert tenures.snapshot() == {}


def test_renewing_gives_up_work_but_keeps_the_partitions() -> None:
    tenures = Tenures()
    tenures.on_partitions_assigned([_P0, _P1])
    first = tenures.snapshot()
    tenures.renew()
    second = tenures.snapshot()
    assert second.keys() == first.keys()
    assert not set(first.values()) & set(second.values())


def test_nothing_is_read_under_a_new_tenure_until_it_is_settled() -> None:
    tenures = Tenures()
    tenures.on_partitions_assigned([_P0, _P1])
    assert tenures.settled() == {}
    tenures.settle(_P0, tenures.unsettled()[_P0])
    assert tenures.settled() == {_P0: tenures.snapshot()[_P0]}
    tenures.renew()
    assert tenures.settled() == {}


def test_settling_an_ended_tenure_has_no_effect() -> None:
    tenures = Tenures()
    tenures.on_partitions_assigned([_P0])
    first = tenures.unsettled()[_P0]
    tenures.on_partitions_revoked([_P0])
    tenures.settle(_P0, first)
    tenures.on_partitions_assigned([_P0])
    tenures.settle(_P0, first)
    assert tenures.settled() == {}


def test_every_rebalance_is_counted() -> None:
    tenures = Tenures()
    before = tenures.changes
    tenures.on_partitions_assigned([])
    tenures.on_partitions_revoked([])
    assert tenures.changes == before + 2
