"""One OpenAPI 3.1 description out of the services' own. Pure functions on JSON documents.

Of each service it keeps the operations that the forwarding table lets through. Names of
components and operation ids are made unique by the service's name; what the gateway itself
answers, and the token that it asks for, are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.upstreams import READING, Forward, Table, find
from shared.contracts.problem import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.specs import Spec

Json = dict[str, Any]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_COMPONENTS = "#/components/"
_SCHEME = "operatorToken"
_STATES = "x-bgpilot-services"
# What the gateway answers by itself: status, what it means, and whom.
_OWN_ANSWERS = (
    ("400", "The request could be read in two ways", "all"),
    ("401", "The operator's token is missing or wrong", "changes"),
    ("403", "No operator's token is set, so nothing can be changed", "changes"),
    ("413", "The body is too large", "changes"),
    ("429", "This address has half of all the streams that there can be", "streams"),
    ("502", "The service cannot be reached, or broke off before it answered", "all"),
    ("503", "The service is disabled, busy or not ready", "all"),
    ("504", "The service did not answer in time", "all"),
)


def merged(specs: Mapping[str, Spec], table: Table, *, version: str) -> Json:
    """The description of everything that the gateway forwards."""
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "bgpilot", "version": version, "description": _description(specs)},
        # Relative to where this document was found, so that it holds behind a path prefix.
        "servers": [{"url": "./", "description": "This gateway"}],
        "paths": {},
        "components": _own_components(),
        "tags": [_tag(service, spec) for service, spec in specs.items()],
        _STATES: {service: _state(spec) for service, spec in specs.items()},
    }
    for service, spec in specs.items():
        part = _renamed(spec.document, service)
        _add_components(document["components"], part.get("components", {}), service)
        _add_paths(document["paths"], part, service, table)
    return document


def _description(specs: Mapping[str, Spec]) -> str:
    missing = [f"{service} ({spec.state})" for service, spec in specs.items() if not spec.document]
    about = "A control room for network edges that speak BGP."
    return f"{about} Not shown now: {', '.join(missing)}." if missing else about


def _tag(service: str, spec: Spec) -> Json:
    description = spec.document.get("info", {}).get("description", "")
    remark = {"current": "", "stale": "(not reachable now; as last seen)"}.get(
        spec.state, f"({spec.state})"
    )
    return {"name": service, "description": f"{description} {remark}".strip()}


def _state(spec: Spec) -> Json:
    fetched_at = spec.fetched_at and spec.fetched_at.isoformat().replace("+00:00", "Z")
    return {"status": spec.state, "fetched_at": fetched_at, "fault": spec.fault}


def _own_components() -> Json:
    schema = Problem.model_json_schema(ref_template=_COMPONENTS + "schemas/gateway_{model}")
    definitions = schema.pop("$defs", {})
    content = {MEDIA_TYPE: {"schema": {"$ref": _COMPONENTS + "schemas/gateway_Problem"}}}
    return {
        "schemas": {
            "gateway_Problem": schema,
            **{f"gateway_{name}": each for name, each in definitions.items()},
        },
        "responses": {
            f"gateway_{status}": {"description": meaning, "content": content}
            for status, meaning, _ in _OWN_ANSWERS
        },
        "securitySchemes": {_SCHEME: {"type": "http", "scheme": "bearer"}},
    }


def _renamed(value: Any, service: str) -> Any:  # noqa: ANN401 - any JSON
    """The same document with every reference, operation id and security scheme made unique."""
    match value:
        case dict():
            return {key: _renamed_entry(key, each, service) for key, each in value.items()}
        case list():
            return [_renamed(each, service) for each in value]
        case _:
            return value


def _renamed_entry(key: str, value: Any, service: str) -> Any:  # noqa: ANN401 - any JSON
    match key, value:
        case "operationId", str():
            return f"{service}_{value}"
        case "$ref", str():
            return _renamed_reference(value, service)
        case "mapping", dict():
            return {k: _renamed_mapping(each, service) for k, each in value.items()}
        case "security", list():
            return [_renamed_requirement(each, service) for each in value]
        case _:
            return _renamed(value, service)


def _renamed_mapping(value: Any, service: str) -> Any:  # noqa: ANN401 - any JSON
    # A discriminator's mapping holds references; a property of that name holds a schema.
    return (
        _renamed_reference(value, service) if isinstance(value, str) else _renamed(value, service)
    )


def _renamed_requirement(value: Any, service: str) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(value, dict):
        return value
    return {f"{service}_{scheme}": scopes for scheme, scopes in value.items()}


def _renamed_reference(reference: str, service: str) -> str:
    """`#/components/schemas/Route` becomes `#/components/schemas/routes_Route`."""
    if not reference.startswith(_COMPONENTS):
        return reference
    kind, _, name = reference.removeprefix(_COMPONENTS).partition("/")
    return f"{_COMPONENTS}{kind}/{service}_{name}"


def _add_components(target: Json, components: Json, service: str) -> None:
    for kind, named in components.items():
        target.setdefault(kind, {}).update(
            {f"{service}_{name}": each for name, each in named.items()}
        )


def _add_paths(target: Json, part: Json, service: str, table: Table) -> None:
    for path, item in part.get("paths", {}).items():
        entry = find(table, path.encode())
        if entry is None or entry.service != service:
            continue
        allowed = {
            key: value
            for key, value in item.items()
            if key != "servers" and (key not in _METHODS or key.upper() in entry.methods)
        }
        for method, operation in _operations(allowed):
            allowed[method] = _described(method, operation, part, entry)
        if any(_operations(allowed)):
            target[path] = allowed


def _operations(item: Json) -> Iterator[tuple[str, Json]]:
    return iter([(method, item[method]) for method in _METHODS if method in item])


def _described(method: str, operation: Json, part: Json, entry: Forward) -> Json:
    changes = method.upper() not in READING
    concerned = {"all"} | ({"changes"} if changes else set())
    concerned |= {"streams"} if entry.kind == "stream" else set()
    own = {
        status: {"$ref": f"{_COMPONENTS}responses/gateway_{status}"}
        for status, _, whom in _OWN_ANSWERS
        if whom in concerned
    }
    kept = {key: value for key, value in operation.items() if key not in {"servers", "security"}}
    responses = {**own, **kept.get("responses", {})}
    described: Json = {**kept, "tags": [entry.service], "responses": responses}
    security = [{_SCHEME: []}] if changes else operation.get("security", part.get("security"))
    return {**described, "security": security} if security else described
