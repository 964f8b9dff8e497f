"""What goes wrong while an administrator is told is logged like all trouble that lasts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from tests.notify.conftest import MINUTE, NOW, Site
from tests.notify.fakes import robot


def _said(lines: list[Any], *names: str) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["event"] in names]


def test_a_robot_that_is_gone_is_logged_once_an_hour(site: Site) -> None:
    """However often it is tried; when it refuses otherwise, and when it takes messages again."""
    told = {"code": 93000, "hint": 0}

    def answer() -> tuple[int, bytes, dict[str, str]] | None:
        told["hint"] += 1
        words = f"invalid webhook url, hint: [17556{told['hint']:05}]"
        return (200, json.dumps({"errcode": told["code"], "errmsg": words}).encode(), {})

    with robot("wecom", answer=answer) as vendor, capture_logs() as lines:
        site.start(vendor)
        site.hold()
        for _ in range(60):
            site.look(MINUTE)
        assert vendor.requests == 6
        assert len(_said(lines, "not notified")) == 1
        told["code"] = 45009
        for _ in range(180):
            site.look(MINUTE)
        assert vendor.requests >= 8
        vendor.answer = lambda: None
        for _ in range(180):
            site.look(MINUTE)
        assert len(vendor.texts) == 1
    found = _said(lines, "not notified", "messages are taken again")
    assert [line["event"] for line in found][-2:] == ["not notified", "messages are taken again"]
    first, *others, _ = found
    assert all(line["since"] == first["since"] == NOW + 2 * MINUTE for line in others)
    times = len(found) - 1
    assert 3 <= times <= 6


def test_a_state_that_cannot_be_written_is_one_story(site: Site) -> None:
    """At each look, every five seconds, the disk is full; then there is room again."""
    full = {"yes": True}

    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if full["yes"] and statement.startswith(("INSERT", "UPDATE")):
            raise OperationalError(statement, {}, Exception("database or disk is full"))

    engine = site.store._database._engine
    event.listen(engine, "before_cursor_execute", refuse)
    with robot("wecom") as vendor, capture_logs() as lines:
        site.start(vendor)
        site.free = 5_000_000
        for _ in range(720):
            site.look(timedelta(seconds=5))
        full["yes"] = False
        for _ in range(3):
            site.look(timedelta(seconds=5))
    event.remove(engine, "before_cursor_execute", refuse)
    assert len(vendor.texts) == 1
    found = [line["event"] for line in _said(lines, "the state cannot be written")]
    assert 1 <= len(found) <= 2
    assert len(_said(lines, "the state answers again")) == 1
