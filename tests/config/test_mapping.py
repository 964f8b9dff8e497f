"""Mapping files: what they become, and when stored readings must be read again."""

from __future__ import annotations

from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config.places import named_file, shipped_files
from syncd.connector import Manifest, TableMapping
from syncd.errors import ConfigError
from syncd.mapping import PATHS, fingerprint, read_mapping
from syncd.tomlfile import parse_toml

HEAD = 'connector = "sql"\nobject = "拜访"\nkey = "id"\n'
MANIFEST = Manifest("sql", "crm", cursors=True, versions=True, recurrence=False)


def read(text: str) -> TableMapping:
    return read_mapping(parse_toml(HEAD + text, "mappings/visits.toml"))


def test_everything_is_read() -> None:
    mapping = read(
        """
modified = "updated_at"
version = "row_version"
deleted = "deleted_at"
marker = "syncd"
time_zone = "Asia/Shanghai"
resolution = "5m"
all_day_end = "inclusive"
[fields]
title = "主题"
when.start = "starts_at"
"when.end" = "ends_at"
customer = { name = "c_name", email = "c_mail", id = "c_id" }
tags = "labels"
kind = "type"
busy = "blocks"
custom.floor = "floor_no"
organizer.email = "user"
owner = "user"
[values.busy]
free = false
busy = true
[values.kind]
"on-site visit" = 7
[lists]
tags = "; "
[lengths]
title = 80
customer.name = 40
[extra]
schema = "sales"
"""
    )
    assert mapping == TableMapping(
        name="visits",
        file="mappings/visits.toml",
        connector="sql",
        object="拜访",
        key="id",
        modified="updated_at",
        version="row_version",
        deleted="deleted_at",
        marker="syncd",
        time_zone="Asia/Shanghai",
        resolution=300,
        fields={
            "title": "主题",
            "when.start": "starts_at",
            "when.end": "ends_at",
            "customer.name": "c_name",
            "customer.email": "c_mail",
            "customer.id": "c_id",
            "tags": "labels",
            "kind": "type",
            "busy": "blocks",
            "custom.floor": "floor_no",
            "organizer.email": "user",
            "owner": "user",
        },
        values={"busy": {"free": "false", "busy": "true"}, "kind": {"on-site visit": "7"}},
        lists={"tags": "; "},
        lengths={"title": 80, "customer.name": 40},
        extra={"schema": "sales", "all_day_end": "inclusive"},
    )


def test_every_canonical_path_can_have_a_column() -> None:
    lines = "".join(f'"{path}" = "column_{number}"\n' for number, path in enumerate(sorted(PATHS)))
    assert set(read(f"[fields]\n{lines}").fields) == PATHS


@pytest.mark.parametrize("name", sorted(shipped_files("mappings")))
def test_shipped_mappings_are_valid(name: str) -> None:
    source, shipped = named_file(name, "mappings", Path("/nonexistent"))
    assert shipped
    assert source.name == f"mappings/{name}.toml"
    assert read_mapping(source).fields["when.start"]


def test_an_editable_install_finds_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setuptools puts an entry that is no folder into the path of a namespace package."""
    (tmp_path / "mappings" / "rules").mkdir(parents=True)
    (tmp_path / "mappings" / "rules" / "mine.toml").write_text("")
    spec = ModuleSpec("mappings", None, is_package=True)
    spec.submodule_search_locations = ["__editable__.hook", str(tmp_path / "mappings")]
    monkeypatch.setattr("syncd.config.places.find_spec", {"mappings": spec}.get)
    assert shipped_files("mappings/rules") == {"mine": tmp_path / "mappings/rules/mine.toml"}
    assert shipped_files("mappings") == {}


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_any_fields_give_a_mapping_or_an_error_with_a_line(fields: dict[str, str]) -> None:
    lines = "".join(f"{_quoted(key)} = {_quoted(value)}\n" for key, value in fields.items())
    try:
        mapping = read(f'[fields]\n"when.start" = "s"\n{lines}')
    except ConfigError as error:
        line = error.line
    else:
        line = 1
        assert mapping.fields["when.start"] == "s"
    assert line


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"'


BASE = read('[fields]\ntitle = "t"\n"when.start" = "s"\n')


def test_the_fingerprint_is_stable() -> None:
    """Stored by one version of the program, compared by another: the digits must not move."""
    assert fingerprint("1.0", MANIFEST, BASE) == fingerprint("1.0", MANIFEST, replace(BASE))
    assert len(fingerprint("1.0", MANIFEST, None)) == 64
    turned = replace(BASE, fields=dict(reversed(list(BASE.fields.items()))))
    assert fingerprint("1.0", MANIFEST, turned) == fingerprint("1.0", MANIFEST, BASE)
    moved = replace(BASE, file="/etc/visits.toml", name="other")
    assert fingerprint("1.0", MANIFEST, moved) == fingerprint("1.0", MANIFEST, BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"fields": {"title": "x", "when.start": "s"}},
        {"values": {"status": {"confirmed": "1"}}},
        {"time_zone": "Asia/Shanghai"},
        {"resolution": 60},
        {"lists": {"tags": ","}},
        {"lengths": {"title": 9}},
        {"extra": {"all_day_end": "inclusive"}},
    ],
)
def test_the_fingerprint_tells_what_reads_differently(change: dict[str, Any]) -> None:
    before = fingerprint("1.0", MANIFEST, BASE)
    assert fingerprint("1.0", MANIFEST, replace(BASE, **change)) != before
    assert fingerprint("1.1", MANIFEST, BASE) != before
    assert fingerprint("1.0", replace(MANIFEST, name="odoo"), BASE) != before
