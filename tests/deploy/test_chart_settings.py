"""What a pod would read: its settings file, variables and secrets together, as the command reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.chart import SETS, Rendered
from tests.support.pod import Files, LocalContainer, MissingError
from worker.commands import flagstaff
from worker.policy import load_policy
from worker.settings import load_settings
from worker.stream.client import client_options

if TYPE_CHECKING:
    from worker.settings import Settings

_ANY: Files = {
    "username": "u", "password": "p", "ca": "CA", "ca.crt": "CA", "tls.crt": "C", "tls.key": "K",
    "url": "redis://:secret@redis:6379/0", "proxy-secret": "s" * 32, "client-secret": "c", "audit.pem": "A",
}  # fmt: skip
SECRETS = dict.fromkeys(
    ("kafka-worker", "k", "other", "redis", "console", "postgres", "audit", "administrator"), _ANY
)


@cache
def rendered(name: str) -> Rendered:
    return Rendered(SETS[name])


def container(made: Rendered, owner: str, folder: Path) -> LocalContainer:
    pod = dict(made.pods())[owner]
    return LocalContainer(pod, folder, configs=made.configs(), secrets=SECRETS, name="pod-0")


def settings_in(pod: LocalContainer) -> Settings:
    _, config, *_ = pod.arguments()
    return load_settings(Path(config), pod.settings_environment())


def settings_of(name: str, owner: str, folder: Path) -> Settings:
    return settings_in(container(rendered(name), owner, folder))


@pytest.mark.parametrize("name", SETS)
def test_every_pod_can_read_its_settings(name: str, tmp_path: Path) -> None:
    for number, (owner, _) in enumerate(rendered(name).pods()):
        pod = container(rendered(name), owner, tmp_path / str(number))
        settings = settings_in(pod)
        assert client_options(settings.kafka), owner
        if settings.policy.file is not None:
            assert load_policy(Path(pod.moved(settings.policy.file))).digest == load_policy(None).digest
        for path in (settings.stage.policy_file, settings.review.known_file):
            assert path is None or Path(pod.moved(path)).is_file()


@pytest.mark.parametrize("name", SETS)
def test_every_pod_calls_a_command_with_options_that_it_has(name: str) -> None:
    for _, pod in rendered(name).pods():
        arguments = pod["spec"]["containers"][0]["args"]
        with flagstaff.make_context("flagstaff", list(arguments)) as context:
            called, command, rest = flagstaff.resolve_command(context, arguments[2:])
            assert command is not None
            # It raises where an option does not exist, or its value can't be.
            command.make_context(called, rest, parent=context)


_WORKER = "Deployment/flagstaff-worker-default"


def test_a_workers_settings_are_its_own_over_the_common_ones(tmp_path: Path) -> None:
    default = settings_of("two detectors", _WORKER, tmp_path / "default")
    german = settings_of("two detectors", "Deployment/flagstaff-worker-german", tmp_path / "german")
    assert (default.kafka.group_id, german.kafka.group_id) == ("flagstaff", "flagstaff-german")
    assert (
        default.kafka.transactional_id_prefix,
        german.kafka.transactional_id_prefix,
    ) == ("flagstaff", "flagstaff-german")
    assert (default.topics.posts, german.topics.posts) == ("posts", "posts-de")
    assert (default.processes, german.processes) == (3, 1)


def test_large_numbers_and_files_come_through_unchanged(tmp_path: Path) -> None:
    pod = container(rendered("settings"), _WORKER, tmp_path)
    settings = settings_in(pod)
    assert (settings.emit, settings.stream.in_flight_bytes) == ("all", 67_108_864)
    challenger = Path(pod.moved("/etc/flagstaff/next.yaml")).read_text()
    assert challenger == "  leading spaces\nand: {{ braces }}\n"


def test_secrets_are_read_from_files_and_stand_in_no_manifest(tmp_path: Path) -> None:
    settings = settings_of("secure", _WORKER, tmp_path)
    assert settings.redis.url == "redis://:secret@redis:6379/0"
    client = settings.kafka.client
    assert (client["security_protocol"], client["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == ("u", "p")
    assert [Path(client[name]).name for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")] == [
        "ca.crt", "tls.crt", "tls.key",
    ]  # fmt: skip
    assert all(Path(client[name]).is_file() for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"))
    assert rendered("secure").of("Secret") == []


def test_a_stateful_worker_is_a_static_member_that_has_time_to_come_back(tmp_path: Path) -> None:
    settings = settings_of("stateful", "StatefulSet/flagstaff-worker-default", tmp_path)
    assert settings.kafka.group_instance_id == "pod-0"
    assert settings.kafka.session_timeout_ms == 120_000
    assert settings_of("defaults", _WORKER, tmp_path).kafka.group_instance_id is None


def test_a_gpu_is_asked_for_tolerated_and_used(tmp_path: Path) -> None:
    assert settings_of("gpu", _WORKER, tmp_path).detector.device == "cuda"
    deployment = rendered("gpu").one("Deployment")
    spec = deployment["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
    # No spare GPU is needed for an update.
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_console_listens_where_it_may(tmp_path: Path) -> None:
    link = settings_of("console", "StatefulSet/flagstaff-console", tmp_path / "link").review
    proxy = settings_of("console behind a proxy", "StatefulSet/flagstaff-console", tmp_path / "proxy").review
    oidc = settings_of(
        "console, signed in at a provider", "StatefulSet/flagstaff-console", tmp_path / "oidc"
    ).review
    assert (link.access, link.host) == ("link", "127.0.0.1")
    assert (proxy.access, proxy.host, proxy.proxy_secret) == ("proxy", "127.0.0.1", "s" * 32)
    assert (oidc.access, oidc.host, oidc.oidc.client_secret) == ("oidc", "0.0.0.0", "c")  # noqa: S104 - in its pod
    assert oidc.public_url == "https://staff.example.org"
    # `localhost` is what its probes ask for.
    assert oidc.hosts == ("localhost", "127.0.0.1", "staff.example.org", "staff.example.net")


@pytest.mark.parametrize(("name", "idle"), [("keda", 0), ("keda, secure", 50), ("keda, markers", 12)])
def test_keda_looks_at_the_workers_own_lag_and_stays_at_zero_for_markers(
    name: str, idle: int, tmp_path: Path
) -> None:
    settings = settings_of(name, _WORKER, tmp_path)
    spec = rendered(name).one("ScaledObject")["spec"]
    (trigger,) = spec["triggers"]
    asked = trigger["metadata"]
    assert (asked["consumerGroup"], asked["topic"]) == (settings.kafka.group_id, settings.topics.posts)
    assert asked["bootstrapServers"] == settings.kafka.bootstrap_servers
    assert asked["offsetResetPolicy"] == settings.kafka.auto_offset_reset
    assert asked["activationLagThreshold"] == str(idle)
    assert spec["minReplicaCount"] == 0
    assert "replicas" not in rendered(name).one("Deployment")["spec"]


@pytest.mark.parametrize("name", ["defaults", "two detectors", "all"])
def test_a_pod_lives_until_its_worker_has_ended(name: str, tmp_path: Path) -> None:
    made = rendered(name)
    for owner, pod in made.pods():
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] != "worker":
            continue
        settings = settings_in(container(made, owner, tmp_path / owner))
        hook = pod["spec"]["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        # The supervisor kills what still runs 20 s after the grace period.
        whole = hook.get("seconds", 0) + settings.grace_period_s + 20
        assert pod["spec"]["terminationGracePeriodSeconds"] >= whole + 5, owner


def test_a_missing_secret_is_seen(tmp_path: Path) -> None:
    pod = dict(rendered("secure").pods())[_WORKER]
    with pytest.raises(MissingError, match="kafka-worker"):
        LocalContainer(pod, tmp_path, configs=rendered("secure").configs(), secrets={})


def test_changed_settings_restart_the_pods_unless_that_is_not_wanted() -> None:
    def checksum(**values: object) -> str | None:
        made = Rendered(values)
        annotations = made.one("Deployment")["spec"]["template"]["metadata"]["annotations"]
        found: str | None = annotations.get("flagstaff/checksum")
        return found

    first = checksum()
    assert first is not None
    assert first == checksum()
    assert first != checksum(settings={"emit": "all"})
    assert first != checksum(worker={"policy": "x"})
    assert checksum(worker={"restartOnChange": False}) is None
