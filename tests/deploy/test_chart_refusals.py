"""What Helm refuses before anything is changed, and mistakes in the chart itself that the other tests see."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import helm_python
import pytest
import yaml

from tests.support.chart import CHART, KAFKA, SETS, Rendered
from tests.support.chart_hooks import lacks_what_comes_later
from tests.support.chart_rules import (
    asks_ports_that_are_listened_on,
    is_restricted,
    lacks_secrets,
    mounts_what_it_reads,
    names_settings,
    points_at_nothing,
)
from worker.chart import FILES
from worker.chart.schema import OWNED
from worker.chart.values import documented
from worker.errors import FlagstaffError
from worker.settings import settings_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.support.chart import Manifest


def _keda(**scaling: Any) -> dict[str, Any]:
    return {"worker": {"autoscaling": {"kind": "keda", **scaling}}}


_VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_what_is_made_of_the_values_is_what_the_code_makes(name: str) -> None:
    assert (CHART / name).read_text(encoding="utf-8") == FILES[name](_VALUES), "run `make docs`"


def test_a_value_without_a_meaning_is_refused() -> None:
    with pytest.raises(FlagstaffError, match=r"kafka\.port has no comment"):
        documented("kafka:\n  # Where.\n  host: a\n  port: 1\n")


def _typos(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterable[tuple[str, ...]]:
    """Each group of values with a key in it that does not exist."""
    yield (*path, "typo")
    for key, value in tree.items():
        if isinstance(value, dict) and value and (*path, key) not in _OPEN:
            yield from _typos(value, (*path, key))


# What goes in there is named by whoever writes it.
_OPEN = {
    ("worker", "resources", "requests"),
    ("worker", "resources", "limits"),
    ("console", "resources", "requests"),
    ("console", "resources", "limits"),
    ("monitoring", "dashboard", "labels"),
}


@pytest.mark.parametrize("path", list(_typos(yaml.safe_load(_VALUES))), ids=".".join)
def test_a_typo_is_refused_wherever_it_is(path: tuple[str, ...]) -> None:
    values: Any = True
    for key in reversed(path):
        values = {key: values}
    with pytest.raises(helm_python.HelmError, match=r"typo|got boolean, want object"):
        Rendered(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"settings": {"kafka": {"goup_id": "x"}}}, "'goup_id' not allowed"),
        ({"workers": {"default": {"settings": {"emit": "some"}}}}, "/emit"),
        ({"console": {"settings": {"review": {"lock_s": 0}}}}, "/lock_s"),
        ({"settings": {"processes": 2}}, "'processes' not allowed"),
        ({"settings": {"kafka": {"client": {"sasl_plain_password": "p"}}}}, "sasl_plain_password"),
        ({"redis": {"url": "redis://:secret@redis:6379"}}, "/redis/url"),
        ({"worker": {"replicas": "3"}}, "/worker/replicas"),
        ({"worker": {"autoscaling": {"kind": "kedda"}}}, "/worker/autoscaling/kind"),
        ({"image": {"digest": "abc"}}, "/image/digest"),
        ({"workers": {"Big_Name": {}}}, "Big_Name"),
        ({"worker": {"files": {"../up": "x"}}}, "up"),
        ({"worker": {"files": {"settings.yaml": "x"}}}, "settings.yaml"),
        ({"replay": {"from": "March"}}, "/replay/from"),
        ({"topics": {"leave": [""]}}, "/topics/leave/0"),
        ({"topics": {"deadlineS": 0}}, "/topics/deadlineS"),
        ({"console": {"people": ["ann:boss"]}}, "/console/people/0"),
        (
            {"fullnameOverride": "f" * 36, "workers": {"n" * 20: {}}},
            "is longer than 52 characters",
        ),
        ({"kafka": {"bootstrapServers": ""}}, "kafka.bootstrapServers is needed"),
        (
            {"kafka": {**KAFKA["kafka"], "securityProtocol": "SASL_SSL"}},
            "name the secret in kafka.existingSecret",
        ),
        (
            {"workers": {"default": None}, "redrive": {"enabled": True}},
            "default is no entry of workers",
        ),
        ({"worker": {"autoscaling": {"kind": "hpa", "minReplicas": 0}}}, "only keda scales to 0"),
        (_keda(minReplicas=9), "minReplicas is greater"),
        (
            _keda(minReplicas=0, keda={"transactionalProducers": True}),
            "partitions must be stated",
        ),
        (
            {"worker": {"processes": 4, "autoscaling": {"kind": "keda", "keda": {"partitions": 12}}}},
            "4 pods of 4 processes are more than the 12 partitions",
        ),
        ({"console": {"enabled": True, "access": "oidc", "replicas": 2}}, "console.database.existingSecret"),
        (
            {"console": {"enabled": True, "ingress": {"enabled": True, "host": "h"}}},
            "access=link listens inside",
        ),
        ({"console": {"enabled": True, "access": "oidc"}}, "review.oidc.client_secret"),
        ({"console": {"enabled": True, "access": "proxy"}}, "review.proxy_secret"),
        ({"console": {"enabled": True, "secretKeys": {"redis.url": "u"}}}, "names no secret"),
        ({"replay": {"enabled": True, "name": "march"}}, "replay.from is needed"),
    ],
)
def test_what_can_not_be_is_refused_with_its_place(values: Mapping[str, Any], said: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        Rendered(values)
    assert said in str(refused.value)


def test_what_the_chart_sets_itself_are_settings() -> None:
    known = {name.removeprefix("FLAGSTAFF_").lower().replace("__", ".") for name, *_ in settings_table()}
    assert all(any(name == one or name.startswith(f"{one}.") for name in known) for one in OWNED)


def test_the_schema_knows_every_other_setting() -> None:
    made = json.loads(FILES["values.schema.json"](_VALUES))["$defs"]

    def names(kind: str, before: str = "") -> Iterable[str]:
        for name, one in made[kind]["properties"].items():
            below = one.get("$ref", "").rpartition("/")[2]
            if below in made and "properties" in made[below]:
                yield from names(below, f"{before}{name}.")
            else:
                yield f"{before}{name}"

    known = {name.removeprefix("FLAGSTAFF_").lower().replace("__", ".") for name, *_ in settings_table()}
    owned = {name for name in known if any(name == one or name.startswith(f"{one}.") for one in OWNED)}
    assert set(names("Settings")) == known - owned


def _wrong(made: Rendered) -> list[str]:
    """All that the rules find."""
    found = [*points_at_nothing(made), *lacks_what_comes_later(made)]
    for _, pod in made.pods():
        for rule in (names_settings, asks_ports_that_are_listened_on, is_restricted):
            found += rule(pod)
    return found


@pytest.mark.parametrize(
    ("file", "right", "mistake", "seen"),
    [
        (
            "_environment.tpl",
            "FLAGSTAFF_REDIS__URL\n",
            "FLAGSTAFF_REDIS__ADDRESS\n",
            "REDIS__ADDRESS is no setting",
        ),
        ("_pods.tpl", "{{ . | int | quote }}", "{{ add 1 . | quote }}", "and ['9464'] are listened on"),
        (
            "worker.yaml",
            '"question" "ready"',
            '"question" "ready" "ports" "[9999]"',
            "readinessProbe asks ['9999']",
        ),
        ("worker.yaml", "containerPort: {{ $port }}", "containerPort: 1", "declares other ports"),
        (
            "worker-service.yaml",
            "targetPort: http-{{ $number }}",
            "targetPort: metrics",
            "which no container has",
        ),
        ("worker-service.yaml", '"component" "worker"', '"component" "work"', "chooses 0 workloads"),
        ("worker-service.yaml", "- port: http-{{ $number }}", "- port: web", "ServiceMonitor"),
        ("worker-autoscaling.yaml", "    name: {{ $fullname }}", "    name: other", "scales nothing"),
        ("_pods.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can write its root"),
        ("_pods.tpl", "runAsUser: 65532", "runAsUser: 0", "may run as root"),
        (
            "_pods.tpl",
            "automountServiceAccountToken: false",
            "automountServiceAccountToken: true",
            "has a token",
        ),
        ("topics.yaml", '"config" $own ', "", "needs ConfigMap flagstaff-worker-default too early"),
        ("topics.yaml", ' "account" $account', "", "needs ServiceAccount flagstaff too early"),
        (
            "topics.yaml",
            'topicsHook" "-5"',
            'topicsHook" "5"',
            "needs ConfigMap flagstaff-worker-default-topics too early",
        ),
        ("topics.yaml", '"root" $ "component" "topics") |', '"root" $ "component" "jobs") |', "no policy"),
        ("topics.yaml", "pre-install,pre-upgrade", "pre-install", "runs before ['pre-install'] alone"),
        ("topics.yaml", "before-hook-creation,hook-succeeded", "hook-succeeded", "is in its own way"),
    ],
)
def test_a_mistake_in_a_template_is_seen(
    tmp_path: Path, file: str, right: str, mistake: str, seen: str
) -> None:
    chart = tmp_path / "flagstaff"
    shutil.copytree(CHART, chart)
    template = chart / "templates" / file
    text = template.read_text(encoding="utf-8")
    assert right in text
    values = {
        "redis": {"url": "redis://redis:6379"},
        "monitoring": {"serviceMonitor": {"enabled": True}},
        "worker": {"autoscaling": {"kind": "keda"}},
        "topics": {"enabled": True},
        "networkPolicy": {"enabled": True},
    }
    assert _wrong(Rendered(values, chart)) == []
    template.write_text(text.replace(right, mistake), encoding="utf-8")
    assert any(seen in one for one in _wrong(Rendered(values, chart)))


def test_a_secret_that_nobody_has_and_a_mount_without_a_volume_are_seen() -> None:
    made = Rendered(SETS["keda, secure"])
    assert lacks_secrets(made, ["redis"]) == {"kafka-worker"}
    pod = made.one("Deployment")["spec"]["template"]

    def without(kind: str, name: str) -> Manifest:
        broken: Manifest = json.loads(json.dumps(pod))
        place = broken["spec"] if kind == "volumes" else broken["spec"]["containers"][0]
        place[kind] = [one for one in place[kind] if one["name"] != name]
        return broken

    check: Callable[[Manifest], list[str]] = lambda one: list(mounts_what_it_reads(one))  # noqa: E731 - shorter
    assert check(pod) == []
    assert check(without("volumes", "kafka")) == ["volumes and mounts differ: ['kafka']"]
    assert any("kafka/password is not mounted" in one for one in check(without("volumeMounts", "kafka")))
