"""Kafka and Redis for tests: one embedded Kafka and one embedded Valkey, started when first asked for.

`broker` and `redis_url` run a test against everything at hand: the embedded servers always, a `redis-server`
that is on the PATH, and what `FLAGSTAFF_TEST_BOOTSTRAP` and `FLAGSTAFF_TEST_REDIS` name.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
import sqlalchemy
import structlog

from tests.support.broker import BROKER
from tests.support.postgres import Postgres, postgres_folder, running_postgres
from tests.support.topics import TopicFactory, create_topic, delete_topics, unique_name
from worker.embedded import EmbeddedKafka, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GIVEN_BROKERS = os.environ.get("FLAGSTAFF_TEST_BOOTSTRAP", "")
GIVEN_REDIS = os.environ.get("FLAGSTAFF_TEST_REDIS", "")
REDIS_SERVER = shutil.which("redis-server")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a command that ran in this process set up is no other test's."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.getLogger("worker").setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """The shared embedded Kafka. Who stops or kills brokers starts one of their own instead."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), keep=False, properties=BROKER) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def kafka(embedded_kafka: EmbeddedKafka) -> str:
    """Bootstrap servers of the shared embedded Kafka."""
    return embedded_kafka.bootstrap_servers


@pytest.fixture(scope="session", params=["embedded", *(["given"] if GIVEN_BROKERS else [])])
def broker(request: pytest.FixtureRequest) -> str:
    """Bootstrap servers of each Kafka at hand."""
    if request.param == "given":
        return GIVEN_BROKERS
    servers: str = request.getfixturevalue("kafka")
    return servers


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> Iterator[TopicFactory]:
    """Makes topics with names of their own; on brokers that outlive the tests they are deleted afterwards."""
    given: list[str] = []

    def make(
        name: str = "topic",
        *,
        servers: str | None = None,
        client: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> str:
        unique = unique_name(name)
        create_topic(servers or request.getfixturevalue("kafka"), unique, **options, **(client or {}))
        if servers == GIVEN_BROKERS:
            given.append(unique)
        return unique

    yield make
    if given:
        delete_topics(GIVEN_BROKERS, given)


@pytest.fixture(scope="session")
def embedded_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """The shared embedded Valkey. Who stops, pauses or fills it starts one of their own instead."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey"), keep=False) as valkey:
        yield valkey


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """The `redis-server` that is on the PATH, run the same way."""
    folder = tmp_path_factory.mktemp("redis")
    with EmbeddedValkey(folder, keep=False, server=Path(str(REDIS_SERVER))) as server:
        yield server


@pytest.fixture(scope="session")
def given_redis() -> str:
    """The Redis that `FLAGSTAFF_TEST_REDIS` names. Tests empty its database, so it must be empty."""
    with redis.Redis.from_url(GIVEN_REDIS) as client:
        if client.dbsize() != 0:
            pytest.fail("FLAGSTAFF_TEST_REDIS names a database that is not empty: tests would empty it")
    return GIVEN_REDIS


@pytest.fixture(
    params=["embedded", *(["redis-server"] if REDIS_SERVER else []), *(["given"] if GIVEN_REDIS else [])]
)
def redis_url(request: pytest.FixtureRequest) -> str:
    """The URL of each Redis at hand, its database empty."""
    server = {"embedded": "embedded_valkey", "redis-server": "redis_server"}.get(request.param)
    url: str = request.getfixturevalue(server).url if server else request.getfixturevalue("given_redis")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The shared PostgreSQL. Who stops it starts one of their own instead."""
    programs = postgres_folder()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no initdb")
    with running_postgres(programs) as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The address of an empty database on it."""
    name = unique_name("review").replace("-", "_")
    engine = sqlalchemy.create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgres.url.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of each kind of database that the console's view may be in, empty."""
    if request.param == "sqlite":
        return str(tmp_path / "below" / "review.sqlite")
    url: str = request.getfixturevalue("postgres_url")
    return url
