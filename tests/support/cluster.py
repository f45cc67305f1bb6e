"""A Kubernetes cluster for tests, through `kubectl` and `helm` as its users call them.

`FLAGSTAFF_TEST_KUBECONFIG` names one that may be filled and emptied. Pods need not run: a control plane with
a fake kubelet will do, under which pods become ready, and those of jobs and of Helm's tests succeed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.support.chart import CHART

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

KUBECONFIG: Final = os.environ.get("FLAGSTAFF_TEST_KUBECONFIG", "")
_WITHIN_S: Final = 600


def why_not() -> str:
    """What is missing for these tests; empty: nothing."""
    if not KUBECONFIG:
        return "FLAGSTAFF_TEST_KUBECONFIG names no cluster to fill and empty"
    missing = [name for name in ("helm", "kubectl") if shutil.which(name) is None]
    return f"not on the PATH: {', '.join(missing)}" if missing else ""


class Cluster:
    """One namespace of the cluster, with Pod Security `restricted` enforced.

    Args:
        namespace: made here; `close` removes it.
        folder: for files of values.
    """

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace, self._folder = namespace, folder
        self.kubectl("create", "namespace", namespace)
        self.kubectl(
            "label", "namespace", namespace,
            "pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted",
        )  # fmt: skip

    def close(self) -> None:
        """Removes the namespace and all in it."""
        self.called(["kubectl", "delete", "namespace", self.namespace, "--wait=false"])

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Runs kubectl in the namespace; returns what it prints."""
        return self.called(["kubectl", "--namespace", self.namespace, *arguments], given)

    def helm(self, *arguments: str) -> str:
        """Runs helm in the namespace; returns what it prints."""
        return self.called(["helm", "--namespace", self.namespace, *arguments])

    def release(self, *command: str, values: Mapping[str, Any]) -> str:
        """`helm COMMAND flagstaff CHART` with these values, waited for."""
        file = self._folder / "values.yaml"
        file.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
        return self.helm(
            *command, "flagstaff", str(CHART), "--values", str(file), "--wait", "--timeout", "5m"
        )

    def get(self, kind: str, name: str = "", *options: str) -> Any:
        """An object, or all of a kind."""
        found = json.loads(self.kubectl("get", kind, *([name] if name else []), *options, "--output", "json"))
        return found if name else found["items"]

    def names(self, kind: str, *options: str) -> set[str]:
        """The names of all of a kind."""
        return {one["metadata"]["name"] for one in self.get(kind, "", *options)}

    def apply(self, objects: Iterable[Mapping[str, Any]], *options: str) -> str:
        """Applies objects with every field looked at."""
        text = yaml.safe_dump_all(list(objects))
        return self.kubectl("apply", "--validate=strict", "--filename", "-", *options, given=text)

    def called(self, command: list[str], given: str | None = None) -> str:
        """Runs a command against the cluster.

        Raises:
            subprocess.CalledProcessError: it failed; what it said is on standard error.
        """
        done = subprocess.run(
            command,
            input=given,
            env={**os.environ, "KUBECONFIG": KUBECONFIG},
            capture_output=True,
            text=True,
            check=False,
            timeout=_WITHIN_S,
        )
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
        # Warnings of the API server, such as of pods that are not restricted, are mistakes of the chart.
        warned = [line for line in done.stderr.splitlines() if line.startswith("Warning:")]
        assert not warned, warned
        return done.stdout
