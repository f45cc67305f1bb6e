"""What Helm makes before the rest of a release, and whether all that it needs is there by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.chart import Manifest, Rendered

_BEFORE: Final = {"pre-install", "pre-upgrade"}


def hook(manifest: Manifest, what: str = "hook") -> set[str]:
    """What an annotation of a hook says; empty where it has none."""
    text = manifest["metadata"].get("annotations", {}).get(f"helm.sh/{what}", "")
    return {one.strip() for one in text.split(",") if one}


def jobs_before(rendered: Rendered) -> list[Manifest]:
    """The jobs that run before an install or upgrade changes anything."""
    return [one for one in rendered.of("Job") if hook(one) & _BEFORE]


def there_before(rendered: Rendered, job: Manifest) -> list[Manifest]:
    """What of the release is there when such a job runs: hooks at the same moments of a lower weight."""
    return [
        one
        for one in rendered.manifests
        if hook(one) >= hook(job) and _weight(one) < _weight(job) and one["kind"] != "Job"
    ]


def _weight(manifest: Manifest) -> int:
    return int(manifest["metadata"]["annotations"]["helm.sh/hook-weight"])


def lacks_what_comes_later(rendered: Rendered) -> Iterator[str]:
    """What jobs name that is not there when they run, and hooks that would be in their own way."""
    for job in jobs_before(rendered):
        name = f"{job['kind']} {job['metadata']['name']}"
        if hook(job) != _BEFORE:
            yield f"{name} runs before {sorted(hook(job))} alone"
        there = there_before(rendered, job)
        pod = job["spec"]["template"]
        named = [
            ("ConfigMap", one["configMap"]["name"]) for one in pod["spec"]["volumes"] if "configMap" in one
        ]
        accounts = {one["metadata"]["name"] for one in rendered.of("ServiceAccount")}
        if pod["spec"]["serviceAccountName"] in accounts:
            named.append(("ServiceAccount", pod["spec"]["serviceAccountName"]))
        found = {(one["kind"], one["metadata"]["name"]) for one in there}
        yield from (f"{name} needs {kind} {one} too early" for kind, one in named if (kind, one) not in found)
        if rendered.of("NetworkPolicy") and not _is_let_out(pod, there):
            yield f"{name} is let out by no policy"
        for one in (job, *there):
            # Without it the next run meets what a failed one left.
            if "before-hook-creation" not in hook(one, "hook-delete-policy"):
                yield f"{one['kind']} {one['metadata']['name']} is in its own way"


def _is_let_out(pod: Manifest, there: list[Manifest]) -> bool:
    """Whether a policy that is there chooses the pod and opens Kafka's port."""
    labels = pod["metadata"]["labels"].items()
    return any(
        one["kind"] == "NetworkPolicy"
        and one["spec"]["podSelector"]["matchLabels"].items() <= labels
        and {"protocol": "TCP", "port": 9092}
        in [port for rule in one["spec"]["egress"] for port in rule["ports"]]
        for one in there
    )
