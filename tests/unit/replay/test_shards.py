from __future__ import annotations

import pytest

from worker.errors import SettingsError
from worker.replay.shards import INDEX_VARIABLE, Shard, shard_of


@pytest.mark.parametrize("wrong", ["", "1", "2/2", "a/b", "-1/2", "1/0", "0/2/4"])
def test_a_shard_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="--shard"):
        shard_of(wrong, None)


def test_the_index_comes_from_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shard_of(None, None) is None
    assert shard_of("0/4", None) == Shard(0, 4)
    monkeypatch.setenv(INDEX_VARIABLE, "3")
    assert shard_of(None, 4) == Shard(3, 4)
    for wrong in ("4", "", "x"):
        monkeypatch.setenv(INDEX_VARIABLE, wrong)
        with pytest.raises(SettingsError, match=INDEX_VARIABLE):
            shard_of(None, 4)
