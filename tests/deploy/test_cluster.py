"""The chart on a real Kubernetes control plane: `make cluster-test`, see docs/kubernetes.md."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import cloudcoil.pydantic
import pytest

from tests.support.chart import SETS, Rendered
from tests.support.chart_hooks import hook, jobs_before
from tests.support.cluster import Cluster, why_not
from tests.support.pod import LocalContainer
from tests.support.pod_worker import decides_all, secrets, topics, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.embedded import EmbeddedKafka, EmbeddedValkey

cloudcoil.pydantic.BaseModel.model_config["extra"] = "forbid"

from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication  # noqa: E402 - after the line above
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor  # noqa: E402 - as above

from tests.support.crds import definition  # noqa: E402 - as above

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(why_not()), reason=why_not())]

DEFINITIONS = [
    definition(ScaledObject, "keda.sh", "v1alpha1", "scaledobjects"),
    definition(TriggerAuthentication, "keda.sh", "v1alpha1", "triggerauthentications"),
    definition(ServiceMonitor, "monitoring.coreos.com", "v1", "servicemonitors"),
    definition(PrometheusRule, "monitoring.coreos.com", "v1", "prometheusrules"),
]
# What the sets of values name, and only an administrator of the cluster makes.
CLASSES: list[dict[str, Any]] = [
    {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"},
        "handler": "nvidia",
    },
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 1,
    },
]
KINDS = (
    "configmap,cronjob,deployment,horizontalpodautoscaler,ingress,job,networkpolicy,persistentvolumeclaim,pod,"
    "poddisruptionbudget,prometheusrule,scaledobject,service,serviceaccount,servicemonitor,statefulset,"
    "triggerauthentication"
)
RELEASE: dict[str, Any] = {
    "kafka": {"bootstrapServers": "kafka:9092"},
    "redis": {"url": "redis://redis:6379/0"},
    "workers": {
        "default": {"replicas": 2},
        "steady": {"kind": "StatefulSet", "replicas": 2},
        "elastic": {"autoscaling": {"kind": "keda"}},
        "plain": {"autoscaling": {"kind": "hpa"}},
    },
    "console": {"enabled": True},
    "redrive": {"enabled": True},
    "transparency": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(f"flagstaff-{uuid.uuid4().hex[:8]}", tmp_path)
    try:
        made.apply([*DEFINITIONS, *CLASSES])
        made.kubectl(
            "wait", "--for=condition=Established", "--timeout=60s", "customresourcedefinition", "--all"
        )
        yield made
    finally:
        made.close()


@pytest.fixture
def release(cluster: Cluster) -> Cluster:
    cluster.release("install", values=RELEASE)
    return cluster


def test_every_manifest_is_accepted_with_every_field_looked_at(cluster: Cluster) -> None:
    made = [one for chosen in SETS.values() for one in Rendered(chosen).manifests]
    each = {json.dumps(one, sort_keys=True): one for one in made}.values()
    # A pod is not even looked at without its account.
    accounts = {one["metadata"]["name"]: one for one in each if one["kind"] == "ServiceAccount"}
    cluster.apply(accounts.values())
    assert len(cluster.apply(each, "--dry-run=server").splitlines()) == len(each)


def test_a_field_that_does_not_exist_is_refused(cluster: Cluster) -> None:
    made = Rendered(SETS["all"])
    for kind in ("StatefulSet", "ScaledObject", "ServiceMonitor", "PrometheusRule"):
        manifest = made.of(kind)[0]
        manifest["spec"]["typo"] = 1
        with pytest.raises(subprocess.CalledProcessError):
            cluster.apply([manifest], "--dry-run=server")


def test_installed_all_is_there_and_the_helm_test_passes(release: Cluster) -> None:
    assert release.get("deployment", "flagstaff-worker-default")["status"]["readyReplicas"] == 2
    assert release.get("statefulset", "flagstaff-worker-steady")["status"]["readyReplicas"] == 2
    assert release.get("statefulset", "flagstaff-console")["status"]["readyReplicas"] == 1
    budget = release.get("poddisruptionbudget", "flagstaff-worker-steady")["status"]
    assert (budget["expectedPods"], budget["disruptionsAllowed"]) == (2, 1)
    claims = release.names("persistentvolumeclaim")
    assert {"data-flagstaff-worker-steady-1", "data-flagstaff-console-0", "flagstaff-transparency"} <= claims
    told = release.helm("test", "flagstaff", "--timeout", "5m")
    assert told.count("Phase:          Succeeded") == len(RELEASE["workers"])


def test_what_helm_installs_is_what_it_renders(release: Cluster) -> None:
    installed = {
        (one["kind"], one["metadata"]["name"])
        for one in release.get(KINDS, "", "--selector", "helm.sh/chart")
        if not one["metadata"].get("ownerReferences") and one["metadata"]["name"] != "kube-root-ca.crt"
    }
    rendered = {
        (one["kind"], one["metadata"]["name"])
        for one in Rendered(RELEASE).manifests
        if "helm.sh/hook" not in one["metadata"].get("annotations", {})
    }
    claimed = {one for one in installed if one[0] == "PersistentVolumeClaim" and one[1].startswith("data-")}
    assert installed - claimed == rendered


def test_an_upgrade_restarts_pods_with_new_settings_and_a_rollback_takes_it_back(release: Cluster) -> None:
    def running() -> tuple[set[str], str]:
        pods = release.get("pod", "", "--selector", "flagstaff/part=default")
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        config = release.get("configmap", "flagstaff-worker-default")["data"]["settings.yaml"]
        return {pod["metadata"]["annotations"]["flagstaff/checksum"] for pod in alive}, config

    before = running()
    assert "emit" not in before[1]
    release.release("upgrade", values={**RELEASE, "settings": {"emit": "all"}})
    after = running()
    assert "emit: all" in after[1]
    assert after[0].isdisjoint(before[0])
    release.helm("rollback", "flagstaff", "1", "--wait", "--timeout", "5m")
    assert running() == before


def test_uninstalled_only_what_must_outlive_it_is_left(release: Cluster) -> None:
    release.helm("uninstall", "flagstaff", "--wait", "--timeout", "5m")
    release.kubectl("wait", "--for=delete", "--timeout=60s", "pod", "--all")
    left = {
        (one["kind"], one["metadata"]["name"])
        for one in release.get(KINDS)
        if one["metadata"]["name"] not in {"kube-root-ca.crt", "default"}
    }
    # Audit trails and reports. A stateful worker's notes go with it.
    assert left == {
        ("PersistentVolumeClaim", "data-flagstaff-console-0"),
        ("PersistentVolumeClaim", "flagstaff-transparency"),
    }


def _ended(cluster: Cluster) -> dict[str, str]:
    """Jobs that came to their end, by uid: when. They may be gone themselves."""
    events = cluster.get("event", "", "--field-selector", "reason=Completed,involvedObject.kind=Job")
    return {one["involvedObject"]["uid"]: one["lastTimestamp"] for one in events}


def _objects(cluster: Cluster) -> set[tuple[str, str]]:
    return {(one["kind"], one["metadata"]["name"]) for one in cluster.get(KINDS)}


def test_topics_are_made_before_anything_else_and_the_jobs_leave_nothing(cluster: Cluster) -> None:
    chosen = {**RELEASE, "topics": {"enabled": True}}
    made = Rendered(chosen)
    hooks = {(one["kind"], one["metadata"]["name"]) for one in made.manifests if hook(one) >= {"pre-install"}}
    assert len(jobs_before(made)) == len(RELEASE["workers"])
    cluster.release("install", values=chosen)
    installed = _ended(cluster)
    assert len(installed) == len(RELEASE["workers"])
    workers = cluster.get("deployment", "flagstaff-worker-default")["metadata"]
    # Both in whole seconds, written alike.
    assert max(installed.values()) <= workers["creationTimestamp"]
    assert not hooks & _objects(cluster)
    cluster.release("upgrade", values=chosen)
    assert len(_ended(cluster)) == 2 * len(installed)
    assert not hooks & _objects(cluster)


def test_where_topics_can_not_be_made_nothing_is_started_and_the_next_try_goes_on(cluster: Cluster) -> None:
    no_pods: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full"},
        "spec": {"hard": {"pods": "0"}},
    }
    cluster.apply([no_pods])
    chosen = {"kafka": RELEASE["kafka"], "topics": {"enabled": True, "deadlineS": 5}}
    with pytest.raises(subprocess.CalledProcessError):
        cluster.release("install", values=chosen)
    assert cluster.names("deployment") == set()
    # What failed is there to be looked at.
    assert cluster.names("job") == {"flagstaff-worker-default-topics"}
    cluster.kubectl("delete", "resourcequota", "full")
    cluster.release("upgrade", "--install", values=chosen)
    assert cluster.names("deployment") == {"flagstaff-worker-default"}
    assert cluster.names("job") == set()


def test_jobs_are_made_and_end(cluster: Cluster) -> None:
    chosen = {**SETS["replay"], "kafka": RELEASE["kafka"], "redrive": {"enabled": True}}
    chosen |= {"transparency": {"enabled": True}, "worker": {"enabled": False}}
    cluster.release("install", values=chosen)
    for name in ("redrive", "transparency"):
        cluster.kubectl("create", "job", f"--from=cronjob/flagstaff-{name}", f"now-{name}")
    jobs = cluster.names("job")
    assert len(jobs) == 4
    cluster.kubectl("wait", "--for=condition=Complete", "--timeout=90s", "job", "--all")
    (replay,) = (name for name in jobs if "-replay-" in name)
    assert cluster.get("job", replay)["status"]["completedIndexes"] == "0-3"
    # What changes a job makes another one, and an upgrade that changes nothing leaves them.
    cluster.release("upgrade", values=chosen)
    assert cluster.names("job") == jobs
    changed = {**chosen, "replay": {**chosen["replay"], "shards": 2}}
    cluster.release("upgrade", values=changed)
    assert replay not in cluster.names("job")


def test_a_worker_with_what_the_cluster_gives_its_pod_decides_real_posts(
    cluster: Cluster, secured: EmbeddedKafka, embedded_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    named = topics(secured)
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": files}
        for name, files in secrets(secured, embedded_valkey).items()
    )
    cluster.release("install", values=values(secured, named))
    pod = cluster.get("pod", "flagstaff-worker-default-0")
    configs = {one["metadata"]["name"]: one["data"] for one in cluster.get("configmap")}
    given = {
        one["metadata"]["name"]: {key: base64.b64decode(text).decode() for key, text in one["data"].items()}
        for one in cluster.get("secret", "", "--field-selector", "type=Opaque")
    }
    container = LocalContainer(
        pod, tmp_path / "pod", configs=configs, secrets=given, name=pod["metadata"]["name"]
    )
    decides_all(container, secured, named, pod["spec"]["terminationGracePeriodSeconds"])
