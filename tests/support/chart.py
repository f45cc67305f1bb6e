"""The Helm chart rendered without a cluster, and the sets of values that it is tried with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import helm_python
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHART: Final = Path(__file__).parents[2] / "helm/flagstaff"
# What `kubeVersion` in Chart.yaml allows at least, and the newest whose schemas are at hand.
OLDEST, NEWEST = "1.30", "1.37"

Manifest = dict[str, Any]

KAFKA: Final = {"kafka": {"bootstrapServers": "kafka:9092"}}
_SECURE: Final = {
    "kafka": {
        "bootstrapServers": "kafka-1:9093,kafka-2:9093",
        "securityProtocol": "SASL_SSL",
        "existingSecret": "kafka-worker",
        "caKey": "ca.crt",
        "certificateKey": "tls.crt",
        "privateKeyKey": "tls.key",
    },
    "redis": {"existingSecret": "redis"},
}
_CONSOLE: Final = {"enabled": True, "people": ["ann", "lea:lead"]}
_REPLAY: Final = {
    "enabled": True,
    "name": "march",
    "from": "2026-03-01T00:00:00Z",
    "to": "2026-04-01T00:00:00+01:00",
}
_PROXY: Final = {
    "enabled": True,
    "access": "proxy",
    "proxyPort": 4180,
    "existingSecret": "console",
    "secretKeys": {"review.proxy_secret": "proxy-secret"},
    "extraContainers": [
        {
            "name": "proxy",
            "image": "proxy:1",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
_INGRESS: Final = {
    "enabled": True,
    "className": "nginx",
    "host": "staff.example.org",
    "tlsSecret": "staff-tls",
}
_PEERS: Final = [{"namespaceSelector": {"matchLabels": {"name": "kafka"}}}]


def _keda(**keda: Any) -> dict[str, Any]:
    return {"worker": {"autoscaling": {"kind": "keda", "minReplicas": 0, "keda": keda}}}


# Each option by itself over the defaults, and all together.
SETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "defaults": {},
    "nothing": {
        "workers": {"default": None},
        "serviceAccount": {"create": False},
        "tests": {"enabled": False},
    },
    "names": {"nameOverride": "flags", "fullnameOverride": "moderation"},
    "long names": {
        "fullnameOverride": "a-release-whose-name-is-longer-than-it-may-be",
        "workers": {"default": {"kind": "StatefulSet"}},
        "topics": {"enabled": True},
        "redrive": {"enabled": True},
        "transparency": {"enabled": True},
        "replay": _REPLAY,
        "console": _CONSOLE,
    },
    "image": {
        "image": {"repository": "r.example/f", "digest": "sha256:" + "0" * 64, "pullSecrets": ["regcred"]}
    },
    "secure": _SECURE,
    "tls alone": {
        "kafka": {
            "bootstrapServers": "k:9093",
            "securityProtocol": "SSL",
            "existingSecret": "k",
            "caKey": "ca",
        }
    },
    "redis": {"redis": {"url": "redis://redis:6379/0"}},
    "settings": {
        "settings": {"emit": "all", "stream": {"in_flight_bytes": 67_108_864}, "topics": {"posts": "p"}},
        "worker": {"policy": (CHART.parents[1] / "worker/default-policy.yaml").read_text(encoding="utf-8")},
        "workers": {
            "default": {
                "settings": {"stage": {"policy_file": "/etc/flagstaff/next.yaml"}},
                "files": {"next.yaml": "  leading spaces\nand: {{ braces }}\n"},
            }
        },
    },
    "no restart on change": {"worker": {"restartOnChange": False}, "settings": {"watch_interval_s": 30}},
    "stateful": {"worker": {"kind": "StatefulSet", "persistence": {"storageClass": "fast"}}},
    "stateful, nothing kept": {"worker": {"kind": "StatefulSet", "persistence": {"enabled": False}}},
    "two detectors": {
        "workers": {
            "default": {"processes": 3, "preStopS": 7},
            "german": {"settings": {"topics": {"posts": "posts-de"}}, "kafkaExistingSecret": "other"},
            "retired": {"enabled": False},
        }
    },
    "gpu": {
        "worker": {
            "gpu": {"count": 1},
            "processes": 2,
            "runtimeClassName": "nvidia",
            "model": {"volume": {"persistentVolumeClaim": {"claimName": "models"}}},
            "nodeSelector": {"accelerator": "h100"},
            "tolerations": [{"key": "team", "operator": "Exists"}],
        },
        "settings": {"detector": {"model": "/models/roberta"}},
    },
    "placement": {
        "worker": {
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "high",
            "podLabels": {"team": "safety"},
            "podAnnotations": {"a/b": "c"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "topologyKeys": [],
            "pdb": {"enabled": False},
        }
    },
    "keda": _keda(),
    "keda, markers": _keda(transactionalProducers=True, partitions=12),
    "keda, secure": {**_SECURE, **_keda(activationLag=50)},
    "hpa": {"worker": {"autoscaling": {"kind": "hpa"}}},
    "console": {"console": _CONSOLE},
    "console, nothing kept": {"console": {**_CONSOLE, "persistence": {"enabled": False}}},
    "console behind a proxy": {
        "console": {
            **_PROXY,
            "replicas": 2,
            "database": {"existingSecret": "postgres"},
            "ingress": _INGRESS,
            "files": {"known.jsonl": '{"post_id": "p1", "label": "human"}\n'},
            "settings": {"review": {"known_file": "/etc/flagstaff/known.jsonl"}},
        }
    },
    "console, signed in at a provider": {
        "console": {
            "enabled": True,
            "access": "oidc",
            "replicas": 2,
            "hosts": ["staff.example.net"],
            "settings": {"review": {"oidc": {"issuer": "https://id.example", "client_id": "flagstaff"}}},
            "existingSecret": "console",
            "secretKeys": {"review.oidc.client_secret": "client-secret"},
            "database": {"existingSecret": "postgres"},
            "ingress": _INGRESS,
        }
    },
    "replay": {"replay": _REPLAY, "redis": {"url": "redis://redis:6379/0"}},
    "replay, signed": {
        "replay": {
            **_REPLAY,
            "signals": "recorded",
            "parquet": True,
            "signing": {"existingSecret": "audit"},
            "volume": {"existingClaim": "audits"},
        }
    },
    "topics": {"topics": {"enabled": True}},
    "topics of several workers, as a user of their own": {
        **_SECURE,
        "topics": {
            "enabled": True,
            "leave": ["posts"],
            "check": True,
            "kafkaExistingSecret": "administrator",
        },
        "workers": {
            "default": {
                "policy": (CHART.parents[1] / "worker/default-policy.yaml").read_text(encoding="utf-8")
            },
            "german": {"settings": {"topics": {"posts": "posts-de"}}},
            "retired": {"enabled": False},
        },
        "networkPolicy": {"enabled": True},
        "serviceAccount": {"create": False},
    },
    "redrive": {"redrive": {"enabled": True, "stage": "detect", "errorContains": "a b", "limit": 10}},
    "redrive each night": {"redrive": {"enabled": True, "schedule": "0 3 * * *", "maxAttempts": 0}},
    "transparency": {"transparency": {"enabled": True}},
    "transparency, kept elsewhere": {
        "transparency": {"enabled": True, "volume": {"existingClaim": "reports"}, "minimum": 20},
        "worker": {"model": {"volume": {"persistentVolumeClaim": {"claimName": "models"}}}},
    },
    "monitoring": {
        "monitoring": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "rules": {"enabled": True, "documentation": "https://docs.example/"},
            "dashboard": {"enabled": True, "annotations": {"folder": "Trust"}},
        }
    },
    "network": {"networkPolicy": {"enabled": True}},
    "network, peers": {
        "networkPolicy": {
            "enabled": True,
            "kafkaPeers": _PEERS,
            "redisPeers": _PEERS,
            "databasePeers": _PEERS,
            "metricsPeers": _PEERS,
            "consolePeers": _PEERS,
            "extraEgress": [{"ports": [{"protocol": "TCP", "port": 443}]}],
        },
        "console": {**_PROXY, "database": {"existingSecret": "postgres"}},
    },
    "all": {
        **_SECURE,
        "worker": {
            "kind": "StatefulSet",
            "gpu": {"count": 1},
            "processes": 2,
            "autoscaling": {"kind": "keda"},
            "preStopS": 5,
        },
        "workers": {"default": {}, "second": {"kind": "Deployment", "autoscaling": {"kind": "hpa"}}},
        "console": {**_PROXY, "database": {"existingSecret": "postgres"}, "ingress": _INGRESS},
        "replay": _REPLAY,
        "topics": {"enabled": True},
        "redrive": {"enabled": True},
        "transparency": {"enabled": True},
        "monitoring": {
            "serviceMonitor": {"enabled": True},
            "rules": {"enabled": True},
            "dashboard": {"enabled": True},
        },
        "networkPolicy": {"enabled": True},
    },
}


class Rendered:
    """What the chart makes of some values."""

    def __init__(self, values: Mapping[str, Any], chart: Path = CHART) -> None:
        with helm_python.Chart.load(chart) as loaded:
            made = loaded.render({**KAFKA, **values}, name="flagstaff", namespace="moderation")
        self.notes = next(text for name, text in made.items() if name.endswith("NOTES.txt"))
        self.manifests: list[Manifest] = [
            one
            for name, text in made.items()
            if not name.endswith("NOTES.txt")
            for one in yaml.safe_load_all(text)
            if one
        ]

    def of(self, kind: str) -> list[Manifest]:
        """All manifests of a kind."""
        return [one for one in self.manifests if one["kind"] == kind]

    def one(self, kind: str, ending: str = "") -> Manifest:
        """The only one of a kind whose name ends so."""
        (found,) = (one for one in self.of(kind) if one["metadata"]["name"].endswith(ending))
        return found

    def configs(self) -> dict[str, dict[str, str]]:
        """The files of each ConfigMap."""
        return {one["metadata"]["name"]: one["data"] for one in self.of("ConfigMap")}

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Every pod that would be made: its owner's kind and name, its template."""
        for one in self.manifests:
            name = f"{one['kind']}/{one['metadata']['name']}"
            if one["kind"] == "Pod":
                yield name, one
            elif one["kind"] == "CronJob":
                yield name, one["spec"]["jobTemplate"]["spec"]["template"]
            elif "template" in one.get("spec", {}):
                yield name, one["spec"]["template"]
