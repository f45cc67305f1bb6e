"""`values.schema.json`: what a value may be, so that Helm refuses a typo before anything is changed.

Types follow from the defaults, and an empty map or list is open: what goes into it is Kubernetes' own. What
defaults can't tell stands in `_NARROWER`. `settings` is described by the settings' own declarations, without
those that the chart sets itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.chart.values import Value

# Settings that follow from where a pod stands, or are secret.
OWNED: Final = (
    "kafka.bootstrap_servers",
    "kafka.group_instance_id",
    "redis.url",
    "http",
    "review.host",
    "review.port",
    "review.hosts",
    "review.access",
    "review.proxy_secret",
    "review.oidc.client_secret",
    "review.database",
    "log.format",
    "processes",
    "grace_period_s",
    "data_dir",
)
_SECRET_OPTIONS: Final = ("sasl_plain_username", "sasl_plain_password", "ssl_password")

_SETTINGS: Final = {"$ref": "#/$defs/Settings"}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_RESERVED: Final = {"not": {"enum": ["settings.yaml", "policy.yaml"]}}
_FILES: Final = _TEXTS | {"propertyNames": {"pattern": "^[-._a-zA-Z0-9]+$", **_RESERVED}}
_PERSON: Final = {"type": "string", "pattern": "^[^:]+(:(reviewer|lead|auditor))?$"}
_NAMES: Final = {"type": "array", "items": {"type": "string", "minLength": 1}}
_PORT: Final = {"minimum": 1, "maximum": 65_535}
_PORTS: Final = {"type": "array", "minItems": 1, "items": {"type": "integer", **_PORT}}
_ONE_OR_MORE: Final = {"minimum": 1}
_NONE_OR_MORE: Final = {"minimum": 0}
_MOMENT: Final = {"pattern": "^(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?(Z|[+-]\\d\\d:\\d\\d))?$"}


def _one_of(*texts: str) -> dict[str, Any]:
    return {"enum": list(texts)}


_NARROWER: Final[Mapping[str, Mapping[str, Any]]] = {
    "image.repository": {"minLength": 1},
    "image.digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": _one_of("Always", "IfNotPresent", "Never"),
    "image.pullSecrets": _NAMES,
    "kafka.securityProtocol": _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "kafka.saslMechanism": _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    # An address with a password belongs into a secret.
    "redis.url": {"pattern": "^((redis|rediss)://[^@]*)?$"},
    "settings": _SETTINGS,
    "worker.kind": _one_of("Deployment", "StatefulSet"),
    "worker.replicas": _NONE_OR_MORE,
    "worker.processes": {"minimum": 1, "maximum": 64},
    "worker.settings": _SETTINGS,
    "worker.files": _FILES,
    "worker.port": _PORT,
    "worker.gracePeriodS": {"type": "number", "exclusiveMinimum": 0},
    "worker.preStopS": _NONE_OR_MORE,
    "worker.probes.startS": _ONE_OR_MORE,
    "worker.probes.liveEveryS": _ONE_OR_MORE,
    "worker.probes.liveFailures": _ONE_OR_MORE,
    "worker.probes.readyEveryS": _ONE_OR_MORE,
    "worker.resources": {"$ref": "#/$defs/Resources"},
    "worker.gpu.count": _NONE_OR_MORE,
    "worker.model.mountPath": {"pattern": "^/"},
    "worker.autoscaling.kind": _one_of("none", "keda", "hpa"),
    "worker.autoscaling.minReplicas": _NONE_OR_MORE,
    "worker.autoscaling.maxReplicas": _ONE_OR_MORE,
    "worker.autoscaling.scaleDownS": {"minimum": 0, "maximum": 3600},
    "worker.autoscaling.keda.lagThreshold": _ONE_OR_MORE,
    "worker.autoscaling.keda.activationLag": _NONE_OR_MORE,
    "worker.autoscaling.keda.partitions": _NONE_OR_MORE,
    "worker.autoscaling.keda.pollingIntervalS": _ONE_OR_MORE,
    "worker.autoscaling.keda.cooldownS": _NONE_OR_MORE,
    "worker.autoscaling.keda.fallbackFailures": _ONE_OR_MORE,
    "worker.autoscaling.keda.fallbackReplicas": _NONE_OR_MORE,
    "worker.autoscaling.hpa.cpuPercent": _ONE_OR_MORE,
    "worker.pdb.maxUnavailable": {"type": ["integer", "string"]},
    "worker.topologyKeys": _NAMES,
    "worker.podLabels": _TEXTS,
    "worker.podAnnotations": _TEXTS,
    "console.replicas": _ONE_OR_MORE,
    "console.access": _one_of("link", "oidc", "proxy"),
    "console.people": {"type": "array", "items": _PERSON},
    "console.hosts": _NAMES,
    "console.settings": _SETTINGS,
    "console.secretKeys": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
    "console.files": _FILES,
    "console.port": _PORT,
    "console.proxyPort": {"minimum": 0, "maximum": 65_535},
    "console.preStopS": _NONE_OR_MORE,
    "console.resources": {"$ref": "#/$defs/Resources"},
    "replay.name": {"pattern": "^([A-Za-z0-9][-._A-Za-z0-9]*)?$"},
    "replay.from": _MOMENT,
    "replay.to": _MOMENT,
    "replay.signals": _one_of("rebuilt", "recorded"),
    "replay.shards": {"minimum": 1, "maximum": 10_000},
    "replay.retries": _NONE_OR_MORE,
    "replay.deadlineS": _ONE_OR_MORE,
    "topics.leave": _NAMES,
    "topics.deadlineS": _ONE_OR_MORE,
    "redrive.stage": _one_of("", "decode", "detect", "signal", "publish"),
    "redrive.maxAttempts": _NONE_OR_MORE,
    "redrive.limit": _NONE_OR_MORE,
    "transparency.schedule": {"minLength": 9},
    "transparency.minimum": _ONE_OR_MORE,
    "transparency.lateAfterS": {"minimum": 1, "maximum": 86_400},
    "monitoring.serviceMonitor.intervalS": _ONE_OR_MORE,
    "monitoring.dashboard.labels": _TEXTS,
    "networkPolicy.kafkaPorts": _PORTS,
    "networkPolicy.redisPorts": _PORTS,
    "networkPolicy.databasePorts": _PORTS,
}  # fmt: skip

_KINDS: Final[Mapping[type, str]] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip


def schema(values: Sequence[Value]) -> str:
    """The schema as JSON text.

    Args:
        values: the chart's documented values.
    """
    root: dict[str, Any] = _group()
    for value in values:
        if value.path[0] == "workers":
            continue
        place = root
        for key in value.path[:-1]:
            place = place["properties"].setdefault(key, _group())
        place["properties"][value.path[-1]] = _described(value, _group() if value.is_group else {})
    worker = root["properties"].pop("worker")
    own = {"$ref": "#/$defs/Worker"}
    root["properties"] |= {
        # Helm puts values for a parent chart's subcharts here.
        "global": {"type": "object"},
        "worker": own,
        "workers": {"type": "object", "additionalProperties": own, "propertyNames": _name()},
    }
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "generated by `make docs`; edit values.yaml or worker/chart/schema.py instead",
        **root,
        "$defs": {"Worker": worker, "Resources": _resources(), **_settings()},
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _group() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _name() -> dict[str, Any]:
    return {"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 20}


def _described(value: Value, group: Mapping[str, Any]) -> dict[str, Any]:
    narrower = _NARROWER.get(".".join(value.path), group)
    kind = {} if "$ref" in narrower or "enum" in narrower else {"type": _KINDS[type(value.default)]}
    return {"description": value.meaning, **kind, **narrower}


def _resources() -> dict[str, Any]:
    amounts = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
    return _group() | {"properties": {"requests": amounts, "limits": amounts}}


def _settings() -> dict[str, Any]:
    """The schemas of the settings by name, without what the chart sets itself."""
    _, made = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    for path in OWNED:
        *groups, name = path.split(".")
        place = made["Settings"]
        for group in groups:
            place = made[place["properties"][group]["$ref"].rpartition("/")[2]]
        del place["properties"][name]
    client = made["KafkaSettings"]["properties"]["client"]
    client["propertyNames"] = {"not": {"enum": list(_SECRET_OPTIONS)}}
    # Defaults are documented on the settings' own page; Helm does not read them.
    return {name: _without_defaults(one) for name, one in made.items() if name != "HttpSettings"}


def _without_defaults(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_defaults(value) for key, value in tree.items() if key != "default"}
    return [_without_defaults(one) for one in tree] if isinstance(tree, list) else tree
