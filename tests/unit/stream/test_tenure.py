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


def test_renewing_gives_up_work_but_keeps_the_partition() -> None:
    tenures = Tenures()
    tenures.on_partitions_assigned([_P0, _P1])
    first = tenures.snapshot()
    assert tenures.renew([_P0]) == [_P0]
    second = tenures.snapshot()
    assert second[_P0] != first[_P0]
    assert second[_P1] == first[_P1]
    assert sorted(tenures.renew()) == [_P0, _P1]


def test_every_rebalance_is_counted() -> None:
    tenures = Tenures()
    before = tenures.changes
    tenures.on_partitions_assigned([])
    tenures.on_partitions_revoked([])
    assert tenures.changes == before + 2
