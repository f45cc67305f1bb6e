"""What has to hold of the chart's manifests beyond their schemas. Each rule says what is wrong in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.settings import PREFIX, settings_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.chart import Manifest, Rendered

_SETTINGS = {name for name, *_ in settings_table()}
_OPTIONS = f"{PREFIX}KAFKA__CLIENT__"


def containers(pod: Manifest) -> list[Manifest]:
    """The pod's own containers, not those that values add."""
    return [one for one in pod["spec"]["containers"] if one.get("command") == ["flagstaff"]]


def environment(container: Manifest) -> dict[str, str]:
    """Its variables; one that Kubernetes fills in is empty."""
    return {one["name"]: one.get("value", "") for one in container["env"]}


def names_settings(pod: Manifest) -> Iterator[str]:
    """Every variable of ours is a setting, or the file of one."""
    for container in containers(pod):
        for one in container["env"]:
            name = one["name"]
            known = name in _SETTINGS or name.removesuffix("_FILE") in _SETTINGS
            if name.startswith(PREFIX) and not known and not name.startswith(_OPTIONS):
                yield f"{name} is no setting"


def asks_ports_that_are_listened_on(pod: Manifest) -> Iterator[str]:
    """Probes ask all ports on which the settings make the processes listen, and these are declared."""
    for container in containers(pod):
        variables = environment(container)
        first = variables.get(f"{PREFIX}HTTP__PORT") or variables.get(f"{PREFIX}REVIEW__PORT")
        probes = {name: container[name] for name in container if name.endswith("Probe")}
        if first is None:
            if probes:
                yield f"{container['name']} has probes and no port"
            continue
        count = int(variables.get(f"{PREFIX}PROCESSES", "1"))
        listened = [str(int(first) + number) for number in range(count)]
        if [str(one["containerPort"]) for one in container["ports"]] != listened:
            yield f"{container['name']} declares other ports than {listened}"
        if set(probes) != {"startupProbe", "livenessProbe", "readinessProbe"}:
            yield f"{container['name']} has the probes {sorted(probes)}"
        for name, probe in probes.items():
            if probe["exec"]["command"][4:] != listened:
                yield f"{name} asks {probe['exec']['command'][4:]}, and {listened} are listened on"


def is_restricted(pod: Manifest) -> Iterator[str]:
    """Pod security `restricted`, a root file system that is read-only, and no token."""
    spec = pod["spec"]
    context = spec["securityContext"]
    if not context["runAsNonRoot"] or context["runAsUser"] == 0:
        yield "it may run as root"
    if context["seccompProfile"]["type"] != "RuntimeDefault":
        yield "no seccomp profile"
    if spec["automountServiceAccountToken"]:
        yield "it has a token"
    for container in containers(pod):
        own = container["securityContext"]
        if own["allowPrivilegeEscalation"] or own["capabilities"] != {"drop": ["ALL"]}:
            yield f"{container['name']} may get more rights"
        if not own["readOnlyRootFilesystem"]:
            yield f"{container['name']} can write its root"
        writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
        if not {"/tmp", "/data"} <= writable:  # noqa: S108 - a path in a container
            yield f"{container['name']} can't write what it must"


def mounts_what_it_reads(pod: Manifest, claimed: Iterable[str] = ()) -> Iterator[str]:
    """Each mount has its volume and each volume a mount; a file that a variable or argument names is mounted.

    Args:
        pod: a template.
        claimed: names of volumes that the pod's StatefulSet claims.
    """
    volumes = {one["name"] for one in pod["spec"]["volumes"]} | set(claimed)
    mounted = {
        one["name"] for container in pod["spec"]["containers"] for one in container.get("volumeMounts", [])
    }
    if volumes != mounted:
        yield f"volumes and mounts differ: {sorted(volumes ^ mounted)}"
    for container in containers(pod):
        paths = [one["mountPath"] for one in container["volumeMounts"]]
        if len(paths) != len(set(paths)):
            yield f"a path is mounted twice: {sorted(paths)}"
        named = [
            text for text in (*environment(container).values(), *container["args"]) if text.startswith("/")
        ]
        for name in named:
            if not any(name == path or name.startswith(f"{path}/") for path in paths):
                yield f"{name} is not mounted"


def secrets_of(pod: Manifest) -> set[str]:
    """The secrets that must be there before the pod can start."""
    return {one["secret"]["secretName"] for one in pod["spec"]["volumes"] if "secret" in one}


def lacks_secrets(rendered: Rendered, given: Iterable[str]) -> set[str]:
    """Secrets that pods or KEDA need and nobody has."""
    needed: set[str] = set().union(*(secrets_of(pod) for _, pod in rendered.pods()))
    for one in rendered.of("TriggerAuthentication"):
        needed |= {reference["name"] for reference in one["spec"]["secretTargetRef"]}
    return needed - set(given)


def points_at_nothing(rendered: Rendered) -> Iterator[str]:
    """Services, budgets, scalers, monitors and an Ingress that point at nothing of the release."""
    workloads = dict(rendered.pods())
    for service in rendered.of("Service"):
        yield from _unserved(service, workloads.values())
    for budget in rendered.of("PodDisruptionBudget"):
        found = _chosen(budget["spec"]["selector"]["matchLabels"], workloads.values())
        if len(found) != 1:
            yield f"{budget['metadata']['name']} guards {len(found)} workloads"
    for scaler in (*rendered.of("ScaledObject"), *rendered.of("HorizontalPodAutoscaler")):
        target = scaler["spec"]["scaleTargetRef"]
        if f"{target['kind']}/{target['name']}" not in workloads:
            yield f"{scaler['kind']} {scaler['metadata']['name']} scales nothing"
    for monitor in rendered.of("ServiceMonitor"):
        yield from _unmonitored(rendered, monitor)
    for ingress in rendered.of("Ingress"):
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        ports = rendered.one("Service", backend["name"])["spec"]["ports"]
        if backend["port"]["name"] not in [port["name"] for port in ports]:
            yield f"Ingress {ingress['metadata']['name']} leads to no port"


def _chosen(labels: dict[str, Any], pods: Iterable[Manifest]) -> list[Manifest]:
    return [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]


def _unserved(service: Manifest, pods: Iterable[Manifest]) -> Iterator[str]:
    name, found = service["metadata"]["name"], _chosen(service["spec"]["selector"], pods)
    if len(found) != 1:
        yield f"Service {name} chooses {len(found)} workloads"
        return
    declared = {port["name"] for box in found[0]["spec"]["containers"] for port in box.get("ports", [])}
    for port in service["spec"]["ports"]:
        if isinstance(port["targetPort"], str) and port["targetPort"] not in declared:
            yield f"Service {name} sends to {port['targetPort']}, which no container has"


def _unmonitored(rendered: Rendered, monitor: Manifest) -> Iterator[str]:
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = [one for one in rendered.of("Service") if wanted <= one["metadata"]["labels"].items()]
    ports = {port["name"] for one in services for port in one["spec"]["ports"]}
    asked = {one["port"] for one in monitor["spec"]["endpoints"]}
    if len(services) != 1 or asked != ports:
        yield f"ServiceMonitor {monitor['metadata']['name']} asks {asked} of {ports}"
