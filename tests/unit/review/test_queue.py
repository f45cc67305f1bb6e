from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, text
from sqlalchemy.schema import CreateTable, DropTable

from tests.support.flags import flag, record
from worker.errors import SettingsError
from worker.review.database import Database
from worker.review.entry import Entry, name_of, to_record
from worker.review.queue import PAGE, Filters, Queue
from worker.review.tables import ENTRIES, META
from worker.review.view import View, ViewEmptiedError, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.records import Flag, Verdict
    from worker.review.entry import Kind

LOCK_MS = 60_000
NOW = 1_000_000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def view(database: Database) -> View:
    return View(database, 0.0)


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, LOCK_MS)


def put(view: View, *flags: Flag) -> None:
    view.store([record(msgspec.json.encode(one)) for one in flags], [], {("flags", 0): len(flags)})


def decided(
    number: int, who: str, verdict: Verdict = "machine", *, before: int = 0, kind: Kind = "verdict"
) -> Any:
    entry = Entry(
        name=name_of(f"flag-{number}", who, before),
        flag_id=f"flag-{number}",
        post_id=f"p{number}",
        reviewer=who,
        kind=kind,
        verdict=verdict,
        note="",
        at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    _, value, headers = to_record(entry)
    return record(value, topic="decisions", headers=headers)


def decide(view: View, *records: Any) -> None:
    view.store([], records, {})


def test_the_queue_is_by_urgency_and_pages_meet_without_gap_or_overlap(view: View, queue: Queue) -> None:
    flags = [
        flag(number, action="limit" if number % 3 else "label", score=(number * 37 % 20) / 20)
        for number in range(2 * PAGE + 20)
    ]
    put(view, *flags)
    seen, after = [], None
    while True:
        page = queue.page(Filters(after=after), NOW)
        seen += [row.id for row in page.rows]
        assert (page.matching, page.capped) == (len(flags), False)
        if page.more is None:
            break
        after = page.more
    rank = {"limit": 0, "label": 1}
    expected = sorted(flags, key=lambda one: (rank[one.action], -one.score, one.source.timestamp))
    assert seen == [one.id for one in expected]


def test_filters_narrow_the_queue(view: View, queue: Queue) -> None:
    put(view, flag(1, action="label"), flag(2, score=0.5), flag(3, action="pass"), flag(8, score=0.95))
    decide(view, decided(2, "ann"))

    def ids(**filters: Any) -> list[str]:
        return [row.id for row in queue.page(Filters(**filters), NOW).rows]

    assert ids() == ["flag-8", "flag-1"]
    assert ids(action="label") == ["flag-1"]
    assert ids(state="decided") == ["flag-2"]
    assert ids(state="not-asked") == ["flag-3"]
    assert ids(author_id="a1") == ["flag-8", "flag-1"]
    assert ids(author_id="a3") == ["flag-3"]
    assert ids(post_id="p2") == ["flag-2"]
    assert ids(least_score=0.92) == ["flag-8"]


def test_nobody_gets_what_another_has_in_hand_until_the_lock_is_over(view: View, queue: Queue) -> None:
    put(view, flag(1, score=0.9), flag(2, score=0.8))
    assert queue.take_next("ann", NOW, lead=False) == "flag-1"
    assert queue.take_next("ann", NOW, lead=False) == "flag-1"
    assert queue.take_next("bob", NOW, lead=False) == "flag-2"
    assert queue.take_next("cy", NOW, lead=False) is None
    assert queue.holder("flag-1", NOW) == "ann"
    assert not queue.take("flag-1", "bob", NOW)
    assert queue.take_next("cy", NOW + LOCK_MS, lead=False) == "flag-1"
    assert not queue.take("flag-1", "ann", NOW + LOCK_MS)
    queue.release("flag-1", "ann")
    assert queue.holder("flag-1", NOW + LOCK_MS) == "cy"
    queue.release("flag-1", "cy")
    assert queue.take("flag-1", "ann", NOW + LOCK_MS)


def test_twenty_at_once_get_twenty_flags(view: View, queue: Queue) -> None:
    put(view, *(flag(number) for number in range(30)))
    given: list[str | None] = []
    barrier = threading.Barrier(20)

    def ask(who: str) -> None:
        barrier.wait()
        given.append(queue.take_next(who, NOW, lead=False))

    threads = [threading.Thread(target=ask, args=(f"r{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in given
    assert len(set(given)) == 20


def test_who_decided_is_not_asked_again_and_two_are_asked_where_two_are_needed(
    database: Database, queue: Queue
) -> None:
    view = View(database, 1.0)
    put(view, flag(1))
    decide(view, decided(1, "ann"))
    assert queue.take_next("ann", NOW, lead=False) is None
    assert queue.take_next("bob", NOW, lead=False) == "flag-1"
    decide(view, decided(1, "bob", "human"))
    assert queue.take_next("cy", NOW, lead=False) is None


def test_what_is_handed_over_goes_to_a_lead(view: View, queue: Queue) -> None:
    put(view, flag(1), flag(2, action="limit"))
    decide(view, decided(1, "ann", "unsure", kind="hand-over"))
    assert queue.take_next("bob", NOW, lead=False) == "flag-2"
    assert queue.take_next("lea", NOW, lead=True) == "flag-1"


def test_a_known_text_comes_when_it_is_due_though_others_have_decided_on_it(view: View, queue: Queue) -> None:
    put(view, flag(1), flag(2, action="limit"))
    decide(view, decided(1, "ann"))
    assert queue.take_next("bob", NOW, lead=False, known=["p1"]) == "flag-1"
    assert queue.take_next("ann", NOW, lead=False, known=["p1"]) == "flag-2"


def test_decisions_may_come_before_their_flag_and_twice(database: Database, view: View) -> None:
    done = decided(1, "ann")
    decide(view, done)
    put(view, flag(1))
    decide(view, done)
    put(view, flag(1))
    with database.read() as connection:
        standing = standing_of(connection, "flag-1", 0.0)
        assert standing_of(connection, "flag-9", 0.0) is None
    assert standing is not None
    assert standing.flag == flag(1)
    assert standing.case.state == "decided"
    assert len(standing.entries) == 1


def test_an_undone_decision_is_back_in_the_queue(view: View, queue: Queue) -> None:
    put(view, flag(1))
    decide(view, decided(1, "ann"))
    assert queue.page(Filters(), NOW).rows == []
    decide(view, decided(1, "ann", "unsure", before=1, kind="undo"))
    assert [row.id for row in queue.page(Filters(), NOW).rows] == ["flag-1"]


def test_records_and_places_are_stored_together(view: View, database: Database) -> None:
    bad = view.store([record(b"{")], [record(b"nonsense")], {("flags", 0): 5, ("decisions", 2): 7})
    assert bad == 2
    assert View(database, 0.0).places() == {("flags", 0): 5, ("decisions", 2): 7}
    view.forget()
    assert view.places() == {}


def test_what_postgresql_cannot_hold_is_replaced(view: View, database: Database, queue: Queue) -> None:
    put(view, msgspec.structs.replace(flag(1), post_id="p\0", author_id="a\0"))
    decide(view, decided(1, "a\0n"))
    with database.read() as connection:
        standing = standing_of(connection, "flag-1", 0.0)
    assert standing is not None
    assert standing.flag.post_id == "p\0"
    assert standing.case.verdicts == {"a\ufffdn": "machine"}
    assert [row.id for row in queue.page(Filters(post_id="p\0"), NOW).rows] == ["flag-1"]
    assert queue.holder("flag\0", NOW) is None


def test_a_console_whose_view_another_one_emptied_reads_it_again(view: View, database: Database) -> None:
    other = View(database, 0.0)
    put(view, flag(1))
    other.forget()
    with pytest.raises(ViewEmptiedError):
        put(view, flag(2))
    assert view.places() == {}
    put(view, flag(2))
    put(other, flag(3))
    assert view.places() == {("flags", 0): 1}


def test_an_older_view_is_replaced_and_a_newer_one_is_left_alone(database_url: str) -> None:
    first = Database(database_url)
    put(View(first, 0.0), flag(1))
    with first.write() as connection:
        connection.execute(META.update().values(version=META.c.version - 1))
        connection.execute(DropTable(ENTRIES))
    second = Database(database_url)
    view = View(second, 0.0)
    assert view.places() == {}
    put(view, flag(2))
    assert [row.id for row in Queue(second, LOCK_MS).page(Filters(), NOW).rows] == ["flag-2"]
    with second.write() as connection:
        connection.execute(META.update().values(version=META.c.version + 1))
    with pytest.raises(SettingsError, match="newer version"):
        Database(database_url)
    # The console that was there before: it stops instead of filling a view that it does not know.
    with pytest.raises(SettingsError, match="another version"):
        put(view, flag(3))
    with pytest.raises(SettingsError, match="another version"):
        view.places()
    first.close()
    second.close()


def test_tables_of_others_are_not_touched(database_url: str) -> None:
    folder = Path(database_url).parent
    if folder.name == "below":
        folder.mkdir()
    address = database_url if "://" in database_url else f"sqlite:///{database_url}"
    engine = create_engine(address)
    with engine.begin() as connection:
        for name in ("sessions", "flags"):
            connection.execute(CreateTable(Table(name, MetaData(), Column("x", Integer))))
        connection.execute(text("INSERT INTO sessions VALUES (7)"))
    if "://" in database_url:
        # The console's have a schema of their own there.
        opened = Database(database_url)
        put(View(opened, 0.0), flag(1))
        opened.close()
    else:
        with pytest.raises(SettingsError, match="none of the console's"):
            Database(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT x FROM sessions")).scalar() == 7
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://db/x", "://", "/proc/nothing/here.sqlite"])
def test_a_database_that_cannot_be_opened_is_one_line(url: str) -> None:
    with pytest.raises(SettingsError, match=r"review\.database") as caught:
        Database(url)
    assert "\n" not in str(caught.value)
