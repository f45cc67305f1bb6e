"""The job that makes the topics: with what is there before a release is, on a Kafka that asks for rights."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import granted
from tests.support.chart import Rendered
from tests.support.chart_hooks import jobs_before, there_before
from tests.support.pod import Files, LocalContainer
from tests.support.topics import administrator, unique_name
from worker.embedded import ClientSecurity, EmbeddedKafka
from worker.settings import Settings, TopicSettings, TopicShapeSettings
from worker.topics.access import rights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.chart import Manifest

_USERS = {"administrator": "administrator-pass", "worker": "worker-pass"}
_SECURITY = ClientSecurity(tls=True, users=_USERS, authorize=True)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A Kafka that asks for TLS, passwords and rights."""
    with EmbeddedKafka(tmp_path_factory.mktemp("asking"), security=_SECURITY, keep=False) as kafka:
        yield kafka


@pytest.fixture
def names() -> dict[str, str]:
    """Of topics that are not there yet; by setting."""
    return {name: unique_name(name.replace("_", "-")) for name in TopicSettings().__struct_fields__}


class Chosen:
    """The values of a release with one worker, and what its job does.

    Args:
        kafka: where the topics are to be.
        names: of the topics, by setting.
        folder: for the files of the job's container.
    """

    def __init__(self, kafka: EmbeddedKafka, names: Mapping[str, str], folder: Path) -> None:
        self._kafka, self._names, self._folder = kafka, names, folder
        self._runs = 0

    def job(self, shape: Mapping[str, int], **topics: Any) -> tuple[Manifest, LocalContainer]:
        """The job, and its container with no more than what is there when it runs."""
        made = Rendered(
            {
                "kafka": {
                    "bootstrapServers": self._kafka.bootstrap_servers,
                    "securityProtocol": _SECURITY.protocol,
                    "existingSecret": "worker",
                    "caKey": "ca.crt",
                },
                "settings": {"topics": dict(self._names), "topic_shape": dict(shape)},
                "topics": {"enabled": True, **topics},
            }
        )
        (job,) = jobs_before(made)
        there = [one for one in there_before(made, job) if one["kind"] == "ConfigMap"]
        configs = {one["metadata"]["name"]: one["data"] for one in there}
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        return job, LocalContainer(job["spec"]["template"], folder, configs=configs, secrets=self._secrets())

    def run(self, shape: Mapping[str, int], **topics: Any) -> subprocess.CompletedProcess[str]:
        """Runs the job as its template says."""
        job, container = self.job(shape, **topics)
        return subprocess.run(
            container.command(),
            env=container.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=job["spec"]["activeDeadlineSeconds"],
        )

    def partitions(self) -> dict[str, int]:
        """Of the topics that are there, by setting."""
        with administrator(self._kafka.internal_servers) as admin:
            there = set(admin.list_topics())
            found = {setting: name for setting, name in self._names.items() if name in there}
            described = (
                {one["name"]: one for one in admin.describe_topics(list(found.values()))} if found else {}
            )
        return {setting: len(described[name]["partitions"]) for setting, name in found.items()}

    def settings(self) -> Settings:
        """Of the names alone."""
        return Settings(topics=TopicSettings(**self._names), topic_shape=TopicShapeSettings())

    def _secrets(self) -> dict[str, Files]:
        authority = self._kafka.ca_file.read_text(encoding="utf-8")
        return {
            user: {"username": user, "password": password, "ca.crt": authority}
            for user, password in _USERS.items()
        }


@pytest.fixture
def chosen(asking: EmbeddedKafka, names: dict[str, str], tmp_path: Path) -> Chosen:
    return Chosen(asking, names, tmp_path)


_OWN = {"kafkaExistingSecret": "administrator"}


def test_it_makes_the_topics_as_a_user_who_may_do_no_more_and_then_widens_them(
    asking: EmbeddedKafka, chosen: Chosen
) -> None:
    with granted(asking, rights("topics-apply", chosen.settings()), "administrator"):
        installed = chosen.run({"partitions": 3, "replication": 1}, check=True, **_OWN)
        assert installed.returncode == 0, installed.stderr
        few = {"decisions": 1, "appeals": 1, "holds": 1, "stages": 1}
        assert chosen.partitions() == {"posts": 3, "flags": 3, "dead_letters": 3, "shadow": 3, **few}
        # What Helm prints of it says what was done.
        assert "8 to create" in installed.stdout
        assert "8 fine" in installed.stdout
        again = chosen.run(
            {"partitions": 5, "replication": 1}, leave=[chosen.settings().topics.posts], **_OWN
        )
        assert again.returncode == 0, again.stderr
        assert chosen.partitions() == {"posts": 3, "flags": 5, "dead_letters": 5, "shadow": 5, **few}


def test_a_workers_own_user_may_not(asking: EmbeddedKafka, chosen: Chosen) -> None:
    with granted(asking, rights("worker", chosen.settings()), "worker"):
        refused = chosen.run({"replication": 1})
    assert refused.returncode == 1
    assert "topics:" in refused.stderr
    assert chosen.partitions() == {}


def test_what_only_a_person_should_mend_stops_it_where_that_is_wished(
    asking: EmbeddedKafka, chosen: Chosen
) -> None:
    stages = chosen.settings().topics.stages
    with administrator(asking.internal_servers) as admin:
        topic = {"num_partitions": 2, "replication_factor": 1, "configs": {}}
        admin.create_topics({stages: topic}, wait_for_metadata=True)
    with granted(asking, rights("topics-apply", chosen.settings()), "administrator"):
        said = chosen.run({"partitions": 1, "replication": 1}, **_OWN)
        stopped = chosen.run({"partitions": 1, "replication": 1}, check=True, **_OWN)
    assert (said.returncode, stopped.returncode) == (0, 1)
    assert "1 that differ" in said.stdout
    assert set(chosen.partitions()) == set(TopicSettings().__struct_fields__)


def test_wrong_settings_end_it_at_once_and_anything_else_is_tried_again(
    asking: EmbeddedKafka, chosen: Chosen
) -> None:
    job, _ = chosen.job({})
    ignored, final = job["spec"]["podFailurePolicy"]["rules"]
    assert (ignored["action"], final["action"]) == ("Ignore", "FailJob")
    assert final["onExitCodes"]["containerName"] == job["spec"]["template"]["spec"]["containers"][0]["name"]
    with granted(asking, rights("topics-apply", chosen.settings()), "administrator"):
        too_many = chosen.run({"replication": 3}, **_OWN)
    assert "3 copies are wanted" in too_many.stderr
    assert final["onExitCodes"]["values"] == [too_many.returncode]
    # Rights that are granted while it waits are another matter.
    missing = chosen.run({"replication": 1}, **_OWN)
    assert missing.returncode not in final["onExitCodes"]["values"]
