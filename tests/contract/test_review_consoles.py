"""Several consoles on one PostgreSQL, and what happens to consoles when Kafka or PostgreSQL are restarted."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import sqlalchemy
from kafka.errors import KafkaError

from tests.contract.test_review_console import act, console_of, put_flags, state, written
from tests.contract.test_review_web import Desk, field, form
from tests.support.postgres import postgres_folder, running_postgres
from tests.support.running import publish, worker_settings
from tests.support.topics import create_topic
from tests.support.waiting import wait_until
from worker.embedded import EmbeddedKafka
from worker.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import Postgres
    from tests.support.topics import TopicFactory
    from worker.review.console import Console
    from worker.settings import Settings

PEOPLE = 20


@pytest.fixture
def settings(kafka: str, topic: TopicFactory, tmp_path: Path) -> Settings:
    topics = {name: topic(name) for name in ("posts", "flags", "dead_letters")}
    return worker_settings(
        tmp_path,
        kafka,
        topics,
        TOPICS__DECISIONS=topic("decisions", partitions=3),
        TOPICS__APPEALS=topic("appeals"),
        REVIEW__DOUBLE_SHARE="0",
    )


@contextmanager
def two_consoles(settings: Settings, url: str) -> Iterator[tuple[Console, Console]]:
    """As on two machines: each has a data directory and a transactional id of its own."""
    with ExitStack() as stack:
        both = []
        for name in ("a", "b"):
            kafka = msgspec.structs.replace(settings.kafka, transactional_id_prefix=f"console-{name}")
            review = msgspec.structs.replace(settings.review, database=url)
            folder = f"{settings.data_dir}/{name}"
            own = msgspec.structs.replace(settings, kafka=kafka, review=review, data_dir=folder)
            both.append(stack.enter_context(console_of(own)))
        yield both[0], both[1]


def test_twenty_people_at_two_consoles_never_get_the_same_post(settings: Settings, postgres_url: str) -> None:
    put_flags(settings, *range(PEOPLE + 5))
    with two_consoles(settings, postgres_url) as both:
        barrier = threading.Barrier(PEOPLE)
        given: list[str | None] = []

        def work(number: int) -> None:
            console = both[number % 2]
            barrier.wait()
            given.append(console.next_for(f"r{number}", lead=False))

        together(work, PEOPLE)
        assert None not in given
        assert len(set(given)) == PEOPLE
        # What one console gave out, the other refuses.
        number, flag_id = next(
            (number, flag_id)
            for number in range(PEOPLE)
            if (flag_id := both[number % 2].next_for(f"r{number}", lead=False)) is not None
        )
        other = both[1 - number % 2]
        assert act(other, int(flag_id.removeprefix("flag-")), "eve") == "not-in-hand"
    assert written(settings) == []


def test_everybody_decides_at_whichever_console_and_each_decision_is_there_once(
    settings: Settings, postgres_url: str
) -> None:
    put_flags(settings, *range(PEOPLE))
    with two_consoles(settings, postgres_url) as both:

        def work(number: int) -> None:
            assert act(both[number % 2], number, f"r{number}") == "written"
            # The answer was lost, and the form goes to the other console.
            assert act(both[1 - number % 2], number, f"r{number}") == "written-before"

        together(work, PEOPLE)
        for console in both:
            assert {state(console, number) for number in range(PEOPLE)} == {"decided"}
            assert console.next_for("late", lead=False) is None
    assert written(settings) == sorted((f"flag-{n}", f"r{n}", "machine") for n in range(PEOPLE))


def test_a_session_holds_at_both_consoles_and_ends_at_both(settings: Settings, postgres_url: str) -> None:
    with two_consoles(settings, postgres_url) as (one, other):
        here, there = Desk(one), Desk(other)
        ann = here.person("ann")
        same = there.stranger(cookie=f"flagstaff={ann.cookies['flagstaff']}")
        queue = same.get("/")
        assert "ann, reviewer" in queue.text
        assert same.post("/leave", data={"form_key": field(queue, "form_key")}).status_code == 200
        assert ann.get("/").status_code == 401


def test_without_its_database_the_view_on_postgresql_is_built_again(
    settings: Settings, postgres_url: str
) -> None:
    put_flags(settings, *range(6))
    with two_consoles(settings, postgres_url) as (one, other):
        act(one, 1)
        act(other, 2, verdict="human")
        before = [state(one, number) for number in range(6)]
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP SCHEMA flagstaff_review CASCADE"))
    engine.dispose()
    with two_consoles(settings, postgres_url) as (one, other):
        assert [state(other, number) for number in range(6)] == before
        assert act(other, 1) == "written-before"
    assert len(written(settings)) == 2


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    programs = postgres_folder()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no initdb")
    with running_postgres(programs) as running:
        yield running


def test_while_postgresql_is_away_it_is_said_so_and_then_all_goes_on(
    settings: Settings, own_postgres: Postgres
) -> None:
    put_flags(settings, 0)
    review = msgspec.structs.replace(settings.review, database=own_postgres.url)
    with console_of(msgspec.structs.replace(settings, review=review)) as console:
        desk = Desk(console)
        ann = desk.person("ann")
        page = ann.get("/flag?id=flag-0")
        own_postgres.stop()
        try:
            answer = ann.post("/act", data=form(page, verdict="machine"))
            assert answer.status_code == 503
            assert "The database does not answer" in answer.text
            put_flags(settings, 1)
        finally:
            own_postgres.start()
        wait_until(lambda: ann.get("/flag?id=flag-1").status_code == 200, what="the flag that came meanwhile")
        assert ann.post("/act", data=form(page, verdict="machine")).status_code == 200
        assert state(console, 0) == "decided"
    assert written(settings) == [("flag-0", "ann", "machine")]


def test_kafka_is_restarted_under_the_console_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path / "kafka", keep=False) as kafka:
        names = {name: name for name in ("posts", "flags", "dead_letters")}
        for name in (*names, "decisions", "appeals"):
            create_topic(kafka.bootstrap_servers, name)
        settings = worker_settings(
            tmp_path / "console",
            kafka.bootstrap_servers,
            names,
            REVIEW__DOUBLE_SHARE="0",
            KAFKA__REQUEST_TIMEOUT_MS="1000",
        )
        publish(kafka.bootstrap_servers, "posts", [b'{"id": "p0", "text": "the bus was late"}'])
        put_flags(settings, 0, 1, 2)
        with console_of(settings) as console:
            ann = Desk(console).person("ann")
            first = ann.get("/flag?id=flag-0")
            assert "the bus was late" in first.text
            second = ann.get("/flag?id=flag-1")
            assert ann.post("/act", data=form(first, verdict="machine")).status_code == 200
            kafka.kill_broker(0)
            # The queue is shown, the post's text is not, and a decision is not lost without a word.
            assert ann.get("/").status_code == 200
            assert "Kafka does not answer" in ann.get("/flag?id=flag-0").text
            answer = ann.post("/act", data=form(second, verdict="human"))
            assert answer.status_code == 503
            assert "Kafka does not answer" in answer.text
            kafka.start_broker(0)
            outcomes = again_until_written(ann, form(second, verdict="human"))
            assert outcomes[-1] == 200
            # Once more, as from somebody who is not sure.
            ann.post("/act", data=form(second, verdict="human"))
            put_flags(settings, 3)
            wait_until(lambda: console.standing("flag-3") is not None, what="a flag that came afterwards")
            assert console.alive
            assert [state(console, number) for number in range(4)] == ["decided", "decided", "open", "open"]
            assert "the bus was late" in ann.get("/flag?id=flag-0").text
        assert written(settings) == [("flag-0", "ann", "machine"), ("flag-1", "ann", "human")]


def again_until_written(browser: Any, fields: dict[str, str]) -> list[int]:
    """What the console answers to a form that is sent again and again until it is taken."""
    outcomes: list[int] = []

    def sent() -> bool:
        outcomes.append(browser.post("/act", data=fields).status_code)
        return outcomes[-1] == 200

    wait_until(sent, what="the decision to be written")
    return outcomes


def together(work: Any, count: int) -> None:
    """Runs it for each number at once; what one raises, this raises."""
    problems: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except (AssertionError, BrokerError, KafkaError) as error:
            problems.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
