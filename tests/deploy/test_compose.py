"""What can be said of deploy/compose.yaml without Docker: that its parts fit each other and the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.commands import SUMMARIES
from worker.settings import load_settings

FOLDER = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def _mounts() -> list[tuple[str, str, str]]:
    """(service, source, target) of every volume."""
    return [
        (name, *volume.split(":")[:2])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
    ]


def test_every_part_is_there() -> None:
    assert set(OURS) == {"topics", "worker", "posts", "console"}
    assert set(SERVICES) - set(OURS) == {"kafka", "redis", "console-port", "prometheus", "grafana"}


def test_what_is_mounted_exists() -> None:
    for service, source, _ in _mounts():
        if source.startswith("."):
            assert (FOLDER / source).resolve().is_file(), f"{service} mounts {source}"
        else:
            assert source in COMPOSE["volumes"], f"{service} mounts {source}"
    assert {source for _, source, _ in _mounts() if not source.startswith(".")} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_restricted_and_run_real_commands_with_real_settings(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - inside the container
    assert service.get("command", ["run"])[0] in SUMMARIES
    settings = load_settings(environ=service["environment"])
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.redis.url == "redis://redis:6379/0"


def test_the_grace_period_covers_the_workers_own() -> None:
    own = load_settings(environ=OURS["worker"]["environment"]).grace_period_s
    assert int(OURS["worker"]["stop_grace_period"].removesuffix("s")) > own + 20


def test_services_wait_for_services_that_say_when_they_are_ready() -> None:
    for name, service in SERVICES.items():
        after = service.get("depends_on", {})
        assert set(after) <= set(SERVICES), name
        conditions = (
            {other: how["condition"] for other, how in after.items()} if isinstance(after, dict) else {}
        )
        for other, condition in conditions.items():
            healthy = SERVICES[other].get("healthcheck", {"disable": True})
            assert condition != "service_healthy" or "test" in healthy, f"{name} waits for {other}"
            assert condition != "service_completed_successfully" or "restart" not in SERVICES[other]


def test_ports_are_published_on_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len({port.split(":")[1] for port in published}) == len(published)


def test_images_of_others_have_a_version() -> None:
    for name in set(SERVICES) - set(OURS):
        image, _, tag = SERVICES[name]["image"].rpartition(":")
        assert image.startswith("docker.io/"), name
        assert tag[:1].isdigit() or tag[:1] == "v", name


def test_prometheus_asks_the_worker_and_reads_the_rules_that_are_mounted() -> None:
    config = yaml.safe_load((FOLDER / "compose" / "prometheus.yaml").read_text())
    targets = [
        target
        for job in config["scrape_configs"]
        for one in job["static_configs"]
        for target in one["targets"]
    ]
    assert targets == [f"worker:{load_settings(environ={}).http.port}"]
    mounted = {target for service, _, target in _mounts() if service == "prometheus"}
    assert set(config["rule_files"]) <= mounted


def test_grafana_asks_prometheus_and_shows_the_dashboard_that_is_mounted() -> None:
    sources = yaml.safe_load((FOLDER / "compose" / "grafana-datasource.yaml").read_text())["datasources"]
    assert [source["url"] for source in sources] == ["http://prometheus:9090"]
    providers = yaml.safe_load((FOLDER / "compose" / "grafana-dashboards.yaml").read_text())["providers"]
    folders = {provider["options"]["path"] for provider in providers}
    dashboards = [target for _, source, target in _mounts() if source.endswith("dashboard.json")]
    assert {str(Path(target).parent) for target in dashboards} == folders
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert dashboards == [home]
