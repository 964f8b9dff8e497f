"""Strict pydantic models for TOML tables, whose complaints become errors with line and hint.

Messages never quote a value that could be a secret or a person: only names of keys and
members of fixed vocabularies are repeated (invariant 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from syncd.problems import Problems, nearest
from syncd.tomlfile import KeyPath, TomlFile

_OURS = "syncd"
_OF_KEY = "[key]"
"""What pydantic adds to the place of a table's name that is not valid."""

_KINDS = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


class Table(BaseModel):
    """A TOML table: no unknown keys, no conversions, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


TableT = TypeVar("TableT", bound=BaseModel)
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


def fail(message: str, hint: str = "", at: KeyPath = ()) -> PydanticCustomError:
    """What a validator raises: ``at`` leads from the validated key to the culprit."""
    return PydanticCustomError(_OURS, "{message}", {"message": message, "hint": hint, "at": at})


def text_of(value: object) -> str:
    """``value`` if it is text; for validators that take text only."""
    if not isinstance(value, str):
        raise fail("must be text in quotes")
    return value


def choice(kind: type[ChoiceT]) -> BeforeValidator:
    """A validator that turns text into a member of ``kind``."""

    def convert(value: object) -> ChoiceT:
        text = text_of(value)
        members = [str(member) for member in kind]
        if text not in members:
            raise fail(f'knows no value "{shown(text)}"', nearest(text, members))
        return kind(text)

    return BeforeValidator(convert)


def shown(text: str) -> str:
    """A mistyped word as messages repeat it: one line, short."""
    return (
        text.encode("unicode_escape").decode("ascii")[:40] if not text.isprintable() else text[:40]
    )


def validate(
    model: type[TableT], source: TomlFile, at: KeyPath, problems: Problems
) -> TableT | None:
    """The table at ``at`` of ``source`` as ``model``; ``None`` if ``problems`` got errors."""
    value: Any = source.data
    for key in at:
        value = value[key]
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            _report(model, source, at, details, problems)
        return None


def _report(
    model: type[BaseModel], source: TomlFile, at: KeyPath, details: ErrorDetails, problems: Problems
) -> None:
    location = tuple(part for part in details["loc"] if part != _OF_KEY)
    path = (*at, *location)
    kind = details["type"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == _OURS:
        problems.error(source, (*path, *context["at"]), context["message"], context["hint"])
    elif kind == "missing":
        problems.error(source, path, "is missing", _description(model, location))
    elif kind == "extra_forbidden":
        table = _table_at(model, location[:-1])
        known = [] if table is None else list(_keys(table))
        problems.error(source, path, "is not a known key", nearest(str(path[-1]), known))
    elif kind == "greater_than_equal":
        problems.error(source, path, f"must be at least {context['ge']}")
    elif kind == "less_than_equal":
        problems.error(source, path, f"must be at most {context['le']}")
    elif kind in ("string_too_short", "too_short"):
        problems.error(source, path, "must not be empty")
    else:
        message = _KINDS.get(kind, "is not a valid value")
        problems.error(source, path, message, _description(model, location))


def _keys(table: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _description(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    table = _table_at(model, location[:-1])
    field = None if table is None else _keys(table).get(str(location[-1]))
    return "" if field is None else field.description or ""


def _table_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model that judged the table at ``location``."""
    table: type[BaseModel] | None = model
    for key in location:
        if table is None:
            return None
        field = _keys(table).get(str(key))
        if field is not None:
            table = _inner_table(field.annotation)
        # an index of a list or a name in a table of tables: still the same model
    return table


def _inner_table(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_inner_table(each) for each in get_args(annotation))
    return next((each for each in inner if each is not None), None)
