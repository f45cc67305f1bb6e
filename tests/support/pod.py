"""A container of a pod as a process of this machine, with the template's files, environment and arguments.

Paths in a container are moved below a folder, and programs of the image are those of the tests. All else is
the template's: nothing of this process's own settings gets in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.chart import Manifest

Files = dict[str, str]

_PROGRAMS: Final = {
    "flagstaff": [sys.executable, "-m", "worker.commands"],
    "python": [sys.executable],
}
_ROOT: Final = Path(__file__).parents[2]


class MissingError(AssertionError):
    """The pod would not start: what it mounts is not there."""


class LocalContainer:
    """The first container of a pod.

    Args:
        pod: the template, or the pod itself.
        folder: what its paths are moved below.
        configs: ConfigMaps by name.
        secrets: secrets by name.
        name: the pod's name.

    Raises:
        MissingError: a ConfigMap or secret is not there.
    """

    def __init__(
        self,
        pod: Manifest,
        folder: Path,
        *,
        configs: Mapping[str, Files],
        secrets: Mapping[str, Files],
        name: str = "pod-0",
    ) -> None:
        self._folder, self._name = folder, name
        self._container = pod["spec"]["containers"][0]
        self._paths = [mount["mountPath"] for mount in self._container["volumeMounts"]]
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for mount in self._container["volumeMounts"]:
            place = self.moved(mount["mountPath"])
            Path(place).mkdir(parents=True, exist_ok=True)
            # A StatefulSet's claim has no volume in the template.
            for file, text in _files(volumes.get(mount["name"], {}), configs, secrets).items():
                (Path(place) / file).write_text(text, encoding="utf-8")

    def moved(self, text: str) -> str:
        """The text, or where it is if it is a path of the container."""
        for path in self._paths:
            if text == path or text.startswith(f"{path}/"):
                return f"{self._folder}{text}"
        return text

    def settings_environment(self) -> dict[str, str]:
        """The template's own variables."""
        return {one["name"]: self._value(one) for one in self._container["env"]}

    def environment(self) -> dict[str, str]:
        """All variables of the process."""
        around = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), "TMPDIR": self.moved("/tmp")}  # noqa: S108 - a path in a container
        return around | self.settings_environment()

    def _value(self, variable: dict[str, Any]) -> str:
        if "valueFrom" in variable:
            assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}} or variable[
                "valueFrom"
            ] == {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
            return self._name
        return self.moved(variable.get("value", ""))

    def arguments(self) -> list[str]:
        """The container's arguments."""
        return [self.moved(argument) for argument in self._container["args"]]

    def command(self) -> list[str]:
        """What is run."""
        (program,) = self._container["command"]
        return [*_PROGRAMS[program], *self.arguments()]

    def probe(self, name: str) -> list[str]:
        """What the kubelet runs as a probe: `startupProbe`, `livenessProbe`, `readinessProbe`."""
        program, *arguments = self._container[name]["exec"]["command"]
        return [*_PROGRAMS[program], *arguments]


def _files(volume: Manifest, configs: Mapping[str, Files], secrets: Mapping[str, Files]) -> Files:
    for kind, key, known in (("configMap", "name", configs), ("secret", "secretName", secrets)):
        if kind in volume:
            name = volume[kind][key]
            if name not in known:
                raise MissingError(f"{kind} {name} is not there")
            return known[name]
    return {}
