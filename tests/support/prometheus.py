"""A real Prometheus that scrapes one address every second and evaluates a file of rules."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.support.waiting import PATIENCE_S, wait_until
from worker.embedded.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BINARY = shutil.which("prometheus")


class Prometheus:
    """Asks it over HTTP."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=PATIENCE_S)

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now, each with its labels as `metric` and its `value`."""
        found: list[dict[str, Any]] = self._asked("/api/v1/query", query=expression)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with their health and state."""
        return [rule for group in self._asked("/api/v1/rules")["groups"] for rule in group["rules"]]

    def _asked(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = self._client.get(path, params=parameters).json()
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data

    def close(self) -> None:
        """Closes the connections to it."""
        self._client.close()


@contextmanager
def prometheus(folder: Path, target: str, labels: Mapping[str, str], rules: Path) -> Iterator[Prometheus]:
    """Runs as long as the block lasts."""
    (port,) = free_ports(1)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": "flagstaff", "static_configs": [{"targets": [target], "labels": dict(labels)}]}
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(BINARY),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        wait_until(server.ready, what="an answer of Prometheus")
        yield server
    finally:
        server.close()
        process.terminate()
        process.wait(PATIENCE_S)
