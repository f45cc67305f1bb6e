"""Custom resource definitions made of the operators' models, so that an API server knows their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


def definition(model: type[BaseModel], group: str, version: str, plural: str) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind.

    Args:
        model: its pydantic model, whose fields become the schema's.
        group: as in `keda.sh`.
        version: the only one that is served.
        plural: the resource's name in addresses.
    """
    made = model.model_json_schema(by_alias=True)
    fields = _structural(made, made.get("$defs", {}))["properties"]
    fields = {name: one for name, one in fields.items() if name not in {"apiVersion", "kind", "metadata"}}
    kind = model.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": fields}},
                }
            ],
        },
    }


def _structural(schema: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema of pydantic's as Kubernetes takes it: references written out, unions told apart."""
    if reference := schema.get("$ref"):
        return _structural(parts[reference.rpartition("/")[2]], parts)
    choices = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    if len(choices) == 1:
        return _structural(choices[0], parts)
    if {one.get("type") for one in choices} == {"integer", "string"}:
        return {"x-kubernetes-int-or-string": True}
    if choices or "type" not in schema:
        return {"x-kubernetes-preserve-unknown-fields": True}
    kept = {key: value for key, value in schema.items() if key in {"type", "enum"}}
    if "properties" in schema:
        kept["properties"] = {name: _structural(one, parts) for name, one in schema["properties"].items()}
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = _structural(schema["additionalProperties"], parts)
    elif schema["type"] == "object":
        kept["x-kubernetes-preserve-unknown-fields"] = True
    if schema["type"] == "array":
        kept["items"] = _structural(schema["items"], parts)
    return kept
