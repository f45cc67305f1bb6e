from __future__ import annotations

import os

import pytest

from worker.cores import THREADS_VARIABLE, machine_cores, usable_cores
from worker.errors import SettingsError


@pytest.mark.parametrize(
    ("stated", "cores"), [("1", 1), ("12", 12), ("4,2", 4), (" 3 ", 3), (" 3 , 1", 3), ("007", 7)]
)
def test_a_stated_number_counts(monkeypatch: pytest.MonkeyPatch, stated: str, cores: int) -> None:
    monkeypatch.setenv(THREADS_VARIABLE, stated)
    assert usable_cores() == cores


@pytest.mark.parametrize("stated", ["0", "-1", "two", "1.5", ",2", " ", "4;2", "\u00b2", "1\n2"])
def test_what_is_no_number_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv(THREADS_VARIABLE, stated)
    with pytest.raises(SettingsError) as caught:
        usable_cores()
    said = str(caught.value)
    assert said.startswith(f"settings: {THREADS_VARIABLE} ")
    assert repr(stated) in said
    assert "\n" not in said


@pytest.mark.parametrize("stated", [None, ""])
def test_without_one_the_machine_counts(monkeypatch: pytest.MonkeyPatch, stated: str | None) -> None:
    if stated is None:
        monkeypatch.delenv(THREADS_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(THREADS_VARIABLE, stated)
    assert usable_cores() == machine_cores()
    assert 1 <= machine_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_a_process_bound_to_one_core_has_one() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert machine_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
