"""Whatever the values: the chart renders, and everything in it is what Kubernetes and the operators take."""

from __future__ import annotations

import importlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import cloudcoil.pydantic
import helm_python
import kubernetes_validate
import pytest

from tests.support.chart import CHART, KAFKA, NEWEST, OLDEST, SETS, Rendered
from tests.support.chart_hooks import jobs_before, lacks_what_comes_later
from tests.support.chart_rules import (
    asks_ports_that_are_listened_on,
    is_restricted,
    lacks_secrets,
    mounts_what_it_reads,
    names_settings,
    points_at_nothing,
)

if TYPE_CHECKING:
    from tests.support.chart import Manifest

# The models pass over what they do not know unless this is set before they are imported.
cloudcoil.pydantic.BaseModel.model_config["extra"] = "forbid"
_OPERATORS = {
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
}


@cache
def rendered(name: str) -> Rendered:
    return Rendered(SETS[name])


def _check(manifest: Manifest, version: str) -> None:
    """Raises where Kubernetes of that version, or the operator, would refuse it."""
    module = _OPERATORS.get(manifest["apiVersion"])
    if module is None:
        kubernetes_validate.validate(manifest, version, strict=True)
    else:
        getattr(importlib.import_module(module), manifest["kind"]).model_validate(manifest)


@pytest.mark.parametrize("name", SETS)
def test_lint_finds_nothing(name: str) -> None:
    report = helm_python.lint(CHART, {**KAFKA, **SETS[name]}, strict=True, kube_version=f"v{NEWEST}.0")
    assert report["errors"] == []
    # 1 is a remark: the chart has no icon.
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", SETS)
def test_every_manifest_fits_its_schema_to_the_letter(name: str, version: str) -> None:
    for manifest in rendered(name).manifests:
        _check_once(json.dumps(manifest), version)


@cache
def _check_once(manifest: str, version: str) -> None:
    # Most manifests are the same in many sets.
    _check(json.loads(manifest), version)


@pytest.mark.parametrize("name", SETS)
def test_every_name_is_there_once(name: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered(name).manifests]
    assert len(names) == len(set(names))
    # What a label may have; a CronJob and a StatefulSet need room behind their names.
    most = {"CronJob": 52, "StatefulSet": 52}
    assert all(len(each) <= most.get(kind, 63) for kind, each in names)


@pytest.mark.parametrize("name", SETS)
def test_pods_are_restricted_and_whole(name: str) -> None:
    for owner, pod in rendered(name).pods():
        kind, _, own = owner.partition("/")
        claims = rendered(name).one(kind, own).get("spec", {}).get("volumeClaimTemplates", [])
        wrong = [
            *names_settings(pod),
            *asks_ports_that_are_listened_on(pod),
            *is_restricted(pod),
            *mounts_what_it_reads(pod, [claim["metadata"]["name"] for claim in claims]),
        ]
        assert not wrong, owner


@pytest.mark.parametrize("name", SETS)
def test_nothing_points_at_nothing(name: str) -> None:
    assert list(points_at_nothing(rendered(name))) == []


@pytest.mark.parametrize("name", SETS)
def test_jobs_before_a_release_need_nothing_of_it(name: str) -> None:
    assert list(lacks_what_comes_later(rendered(name))) == []


def test_topics_are_made_for_workers_that_run_and_where_that_is_asked_for() -> None:
    jobs = {name: [one["metadata"]["name"] for one in jobs_before(rendered(name))] for name in SETS}
    assert {name: sorted(found) for name, found in jobs.items() if found} == {
        "topics": ["flagstaff-worker-default-topics"],
        "topics of several workers, as a user of their own": [
            "flagstaff-worker-default-topics",
            "flagstaff-worker-german-topics",
        ],
        "long names": ["a-release-whose-name-is-longer-than-worker-default-topics"],
        "all": ["flagstaff-worker-default-topics", "flagstaff-worker-second-topics"],
    }
    assert "topics.enabled=true" in rendered("defaults").notes
    assert "topics.enabled=true" not in rendered("topics").notes
    # A replay in a release of its own, with the values of the workers' release.
    assert jobs_before(Rendered({**SETS["topics"], "worker": {"enabled": False}})) == []


@pytest.mark.parametrize("name", SETS)
def test_secrets_are_the_ones_that_the_values_name(name: str) -> None:
    assert lacks_secrets(rendered(name), _named(SETS[name])) == set()


def _named(values: Any) -> set[str]:
    if not isinstance(values, dict):
        return set()
    own = {value for key, value in values.items() if key in {"existingSecret", "kafkaExistingSecret"}}
    return own.union(*(_named(value) for value in values.values()))


def test_the_sets_try_every_kind() -> None:
    made = {one["kind"] for name in SETS for one in rendered(name).manifests}
    assert made == {
        "ConfigMap", "CronJob", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy",
        "PersistentVolumeClaim", "Pod", "PodDisruptionBudget", "PrometheusRule", "ScaledObject", "Service",
        "ServiceAccount", "ServiceMonitor", "StatefulSet", "TriggerAuthentication",
    }  # fmt: skip
    assert rendered("nothing").manifests == []


@pytest.mark.parametrize(
    ("manifest", "wrong"),
    [
        (rendered("defaults").one("Deployment"), "replcas"),
        (rendered("keda").one("ScaledObject"), "minReplicas"),
        (rendered("monitoring").one("ServiceMonitor"), "endpoint"),
    ],
)
def test_a_field_that_does_not_exist_is_seen(manifest: Manifest, wrong: str) -> None:
    spec = {**manifest["spec"], wrong: manifest["spec"].get("replicas", 1)}
    with pytest.raises((kubernetes_validate.ValidationError, ValueError), match=wrong):
        _check({**manifest, "spec": spec}, NEWEST)
