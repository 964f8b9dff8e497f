"""What Google's own discovery document allows: every request to the fake is held against it.

The document is the one that google-api-python-client ships; the rules that stand only in
Google's pages (what a sync token forbids, limits) are in :mod:`connectors.google.fake.rules`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote


class ApiError(Exception):
    """An answer that is no success, as Google words it."""

    def __init__(self, status: int, reason: str, message: str = "", location: str = "") -> None:
        super().__init__(f"{status} {reason} {message}")
        self.status, self.reason = status, reason
        self.message, self.location = message or reason, location

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        one = {"domain": "calendar", "reason": self.reason, "message": self.message}
        if self.location:
            one |= {"locationType": "parameter", "location": self.location}
        return {"error": {"errors": [one], "code": self.status, "message": self.message}}


@dataclass(frozen=True)
class Call:
    """A request that the document allows: its method's id, parameters by their types, body, and
    the scopes of which one is needed."""

    id: str
    parameters: Mapping[str, Any]
    body: Mapping[str, Any] | None
    scopes: frozenset[str]


@cache
def document() -> dict[str, Any]:
    """The discovery document of the Calendar API, version 3."""
    path = files("googleapiclient") / "discovery_cache" / "documents" / "calendar.v3.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _methods() -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    found = []
    for resource in document()["resources"].values():
        for method in resource["methods"].values():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", method["path"])
            found.append((method["httpMethod"], re.compile(pattern), method))
    return found


def parsed(
    http_method: str, path: str, query: Mapping[str, list[str]], body: bytes, kind: str
) -> Call:
    """The call that a request is. ``kind``: its content type. Raises :class:`ApiError`."""
    for verb, pattern, method in _methods():
        match = pattern.fullmatch(path)
        if verb == http_method and match:
            parameters = _parameters(method, match.groupdict(), query)
            scopes = frozenset(method["scopes"])
            return Call(method["id"], parameters, _body(method, body, kind), scopes)
    raise ApiError(404, "notFound", f"no method for {http_method} {path}")


def _parameters(
    method: Mapping[str, Any], in_path: Mapping[str, str], query: Mapping[str, list[str]]
) -> dict[str, Any]:
    allowed = {**document()["parameters"], **method.get("parameters", {})}
    given = {**{k: [unquote(v)] for k, v in in_path.items()}, **query}
    found: dict[str, Any] = {}
    for name, values in given.items():
        if name not in allowed:
            raise ApiError(400, "badRequest", f"unknown parameter {name}", name)
        rule = allowed[name]
        if len(values) > 1 and not rule.get("repeated"):
            raise ApiError(400, "badRequest", f"{name} is given twice", name)
        read = [_parameter(name, value, rule) for value in values]
        found[name] = read if rule.get("repeated") else read[0]
    missing = [name for name, rule in allowed.items() if rule.get("required") and name not in found]
    if missing:
        raise ApiError(400, "required", f"{missing[0]} is missing", missing[0])
    return found


def _parameter(name: str, value: str, rule: Mapping[str, Any]) -> Any:
    wrong = ApiError(400, "invalidParameter", f"{name} is no {rule['type']}", name)
    if rule["type"] == "boolean":
        if value not in ("true", "false"):
            raise wrong
        return value == "true"
    if rule["type"] == "integer":
        if not re.fullmatch(r"-?\d+", value):
            raise wrong
        number = int(value)
        if number < int(rule.get("minimum", number)) or number > int(rule.get("maximum", number)):
            raise wrong
        return number
    if "enum" in rule and value not in rule["enum"]:
        raise wrong
    if rule.get("format") == "date-time":
        _check_format(name, value, "date-time")
    return value


def _body(method: Mapping[str, Any], body: bytes, kind: str) -> Mapping[str, Any] | None:
    wanted = method.get("request")
    if wanted is None:
        if body:
            raise ApiError(400, "badRequest", "a body where none may be")
        return None
    if not kind.startswith("application/json"):
        raise ApiError(400, "parseError", "the body is no JSON")
    try:
        value = json.loads(body)
    except ValueError:
        raise ApiError(400, "parseError", "the body is no JSON") from None
    _check(wanted["$ref"], value, {"$ref": wanted["$ref"]})
    found: Mapping[str, Any] = value
    return found


def _check(where: str, value: Any, schema: Mapping[str, Any]) -> None:
    """Hold a value against a schema. ``null`` is allowed: it removes, in a patch."""
    if value is None:
        return
    if "$ref" in schema:
        schema = document()["schemas"][schema["$ref"]]
    kind = schema.get("type")
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    if kind in types and not isinstance(value, types[kind]):
        raise ApiError(400, "invalid", f"{where} is no {kind}")
    if kind == "integer" and isinstance(value, bool):
        raise ApiError(400, "invalid", f"{where} is no integer")
    if kind == "array":
        for each in value:
            _check(where, each, schema["items"])
    elif kind == "object":
        _check_object(where, value, schema)
    elif "format" in schema:
        _check_format(where, value, schema["format"])


def _check_object(where: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    known, other = schema.get("properties", {}), schema.get("additionalProperties")
    for key, each in value.items():
        rule = known.get(key, other)
        if rule is None:
            raise ApiError(400, "badRequest", f"unknown field {where}.{key}")
        _check(f"{where}.{key}", each, rule)


def _check_format(where: str, value: Any, form: str) -> None:
    try:
        if form == "date":
            date.fromisoformat(value)
        elif form == "date-time":
            datetime.fromisoformat(value)
        elif form == "int32" and not -(2**31) <= value < 2**31:
            raise ValueError
    except (ValueError, TypeError):
        raise ApiError(400, "invalid", f"{where} is no {form}") from None
