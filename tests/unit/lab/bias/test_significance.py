from __future__ import annotations

import pytest

from worker.lab.bias.significance import fisher, holm, mcnemar


def test_fisher() -> None:
    # The lady tasting tea: 3 of 4 against 1 of 4.
    assert fisher((3, 4), (1, 4)) == pytest.approx(34 / 70)
    assert fisher((20, 100), (2, 100)) < 0.001
    # Shares that are the same texts repeated prove no more than one of each.
    assert fisher((20 / 10, 100 / 10), (2 / 10, 100 / 10)) > 0.05


def test_mcnemar() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(6, 6) == 1.0


def test_holm() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
        pytest.approx(0.06),
    ]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None]) == [None]
    assert holm([]) == []
