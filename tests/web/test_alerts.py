"""Alerts and dashboard ask for what a real process exports, and for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.architecture.markdown import page as document
from tests.architecture.tree import ROOT
from tests.daemon.conftest import wait_for
from tests.office import Desk, Office
from tests.servers import Server, free_port
from tests.web.promql import BadQuery, Query, Selector, parse
from tests.web.scrape import Page, watched
from tests.wire.proxy import Fault, door

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
SCRAPE = ROOT / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
GUIDE = "docs/monitoring.md"
TARGET = {"job", "instance"}
"""The labels that Prometheus adds to everything."""

NO_SAMPLE = {
    "syncd_token_expires_timestamp_seconds": {"system"},
    "syncd_watches": {"system", "state"},
    "syncd_notifications_total": {"system", "outcome"},
}
"""Exported, and shown once a connector knows when its sign-in ends, or is told of changes."""

_DURATION = re.compile(r"(?:\d+[smhd])+")
_USED = re.compile(r"\$labels\.(\w+)")


def _rules() -> list[Mapping[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    assert group["name"] == "syncd"
    found: list[Mapping[str, Any]] = group["rules"]
    return found


def _dashboard() -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return told


def _queries() -> Iterator[tuple[str, str]]:
    for rule in _rules():
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in _dashboard()["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]


def _wrong(query: Query, known: Mapping[str, set[str]]) -> Iterator[str]:
    everything = TARGET | {"le"}
    for selector in query.selectors:
        labels = known.get(selector.metric)
        if labels is None:
            yield f"no metric {selector.metric}"
            continue
        everything |= labels
        if selector.labels - labels - TARGET:
            yield f"{selector.metric} has no {sorted(selector.labels - labels - TARGET)}"
    if query.grouped - everything:
        yield f"nothing has {sorted(query.grouped - everything)}"


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, radicale_server: Server
) -> Mapping[str, set[str]]:
    """Metric to labels, of a process that has carried an edit, met a server that is dead, and one
    that takes no writes."""
    alice = Desk("alice", radicale_server, radicale_server.calendar(f"alice-{uuid4().hex[:8]}"))
    dead = Desk("bob", radicale_server, alice.url, door=f"http://127.0.0.1:{free_port()}")
    url = radicale_server.calendar(f"carol-{uuid4().hex[:8]}")
    with door(radicale_server.url) as closed:
        closed.fail(Fault("PUT", status=503, times=10**6))
        carol = Desk("carol", radicale_server, url, door=closed.url)
        desks = [alice, dead, carol]
        office = Office(tmp_path_factory.mktemp("office"), desks, listen="127.0.0.1:0")
        office.visits(1)
        with watched(office) as running:
            assert wait_for(lambda: len(alice.items()) == 1)
            office.change(1, subject="anders")
            assert wait_for(lambda: running.scrape().labels["syncd_edit_lag_seconds_count"])
            since = "syncd_writes_owed_since_timestamp_seconds"
            assert wait_for(lambda: running.scrape().labels[since])
            found = running.scrape().labels
            assert running.end()[0] == 0
    assert found["syncd_errors_total"]
    assert all(found[name] == set() for name in NO_SAMPLE)
    return {**found, **NO_SAMPLE}


def test_every_metric_that_is_asked_for_is_exported(exported: Mapping[str, set[str]]) -> None:
    """By the real process, with the labels that are asked for; Prometheus adds ``up``."""
    known = {**exported, "up": set()}
    queries = list(_queries())
    assert len(queries) > 30
    wrong = [f"{name}: {what}" for name, text in queries for what in _wrong(parse(text), known)]
    for variable in _dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
            assert found is not None
            wrong += [] if found[2] in known[found[1]] | TARGET else [variable["query"]]
    assert wrong == []


def test_every_metric_is_documented_with_its_labels(exported: Mapping[str, set[str]]) -> None:
    """And none that is not there."""
    rows = re.findall(r"^\| `(\w+)` \|([\w, ]*)\|", document(GUIDE).text, re.M)
    told = {name: set(re.findall(r"\w+", labels)) for name, labels in rows}
    shown = {}
    for name, labels in exported.items():
        if name.startswith("syncd_"):
            stem = re.sub(r"_(?:bucket|sum|count)$", "", name)
            shown.setdefault(stem, set()).update(labels - {"le"})
    assert told.keys() == shown.keys()
    assert {name: labels for name, labels in shown.items() if labels - told[name]} == {}


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_when_how_bad_and_what_to_do(rule: Mapping[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert _DURATION.fullmatch(rule["for"])
    assert rule["labels"]["severity"] in ("page", "ticket", "notice")
    assert rule["annotations"]["summary"]
    name, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert name == GUIDE
    assert anchor == rule["alert"].lower()
    assert len(document(GUIDE).section(rule["alert"]).strip()) > 80


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_a_summary_uses_labels_that_its_alert_has(
    rule: Mapping[str, Any], exported: Mapping[str, set[str]]
) -> None:
    query = parse(rule["expr"])
    there = query.grouped or set().union(*(exported.get(s.metric, set()) for s in query.selectors))
    assert set(_USED.findall(rule["annotations"]["summary"])) <= there | TARGET


def test_the_guide_has_every_alert_and_no_other() -> None:
    headings = re.findall(r"^### (Syncd\w+)$", document(GUIDE).text, re.M)
    assert headings == sorted(headings, key=[rule["alert"] for rule in _rules()].index)
    assert set(headings) == {rule["alert"] for rule in _rules()}
    assert len(set(headings)) == len(headings)


def test_the_scrape_is_of_the_address_that_is_the_default() -> None:
    told = yaml.safe_load(SCRAPE.read_text("utf-8"))
    (job,) = told["scrape_configs"]
    assert told["rule_files"] == [ALERTS.name]
    assert job["job_name"] == "syncd"
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8480"]}]
    assert 'listen = "127.0.0.1:8480"' in (ROOT / "syncd/config/template.toml").read_text("utf-8")


def test_the_dashboard_is_whole() -> None:
    """Panels have titles, own ids and places that do not overlap; nothing names a data source
    of somebody's own."""
    told = _dashboard()
    assert told["uid"] == "syncd"
    panels = told["panels"]
    assert (
        len({panel["id"] for panel in panels}) == len({p["title"] for p in panels}) == len(panels)
    )
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_what_the_parser_finds() -> None:
    """It tells metrics from functions, labels and words: else the tests above prove nothing."""
    query = parse('histogram_quantile(0.9, sum by (a, le) (rate(x_bucket{b=~"up|y", c!="}"}[5m])))')
    assert query == Query((Selector("x_bucket", frozenset("bc")),), frozenset({"a", "le"}))
    assert [s.metric for s in parse("time() - first > 7 * 86400 and on (b) second").selectors] == [
        "first",
        "second",
    ]
    for bad in ("rate(x[5m]", "x{a=}", "rat(x)", "x{a='b'", "x)", "x ; y"):
        with pytest.raises((BadQuery, StopIteration)):
            parse(bad)
    known = {"x": {"a"}}
    assert list(_wrong(parse('x{b="1"}'), known)) == ["x has no ['b']"]
    assert list(_wrong(parse("sum by (c) (x)"), known)) == ["nothing has ['c']"]
    assert list(_wrong(parse("y + x"), known)) == ["no metric y"]
    text = "# TYPE n counter\n# TYPE h histogram\n"
    assert set(Page(text).labels) == {"n_total", "h_bucket", "h_sum", "h_count"}
