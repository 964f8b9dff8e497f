"""Two bridges of one installation over real servers: an event goes from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.sql.crm.schema import create_schema, visit
from tests.wire.world import World, utc, written

SERVICE = """
[systems.crm2]
connector = "sql"
url = "sqlite:///crm2.db"
mapping = "visits"
[[bridges]]
name = "service"
rules = "own.toml"
[[bridges.channels]]
system = "crm2"
"""


@pytest.fixture
def two(make: Callable[..., World]) -> World:
    """``sales`` is the CRM and cal, ``service`` another CRM and cal2; a visit in each."""
    world = make("cal", "cal2")
    world.close()
    create_schema(sa.create_engine(f"sqlite:///{world.office.folder / 'crm2.db'}"))
    text = world.office.config.read_text("utf-8")
    head, name, block = text.partition('[[bridges.channels]]\nname = "cal2"')
    world.office.config.write_text(f"{head}{SERVICE}{name}{block}", "utf-8")
    world.open()
    world.add_visit(subject="拜访 Besuch")
    world.add_event("cal2", "r.ics", summary="Reparatur 维修", dtstart=utc(12), dtend=utc(13))
    _settle(world)
    assert (_titles(world), world.counts()) == (["Reparatur 维修"], {"crm": 1, "cal": 1, "cal2": 1})
    return world


def _settle(world: World) -> None:
    """All is equal, and stays so."""
    for each in world.deployment.sync():
        assert each.state == "converged", (each.name, each.reason)
    again = [channel for each in world.deployment.sync() for channel in each.channels]
    assert [each.name for each in again if written(each)] == []


def _service(world: World) -> list[dict[str, Any]]:
    with sa.create_engine(f"sqlite:///{world.office.folder / 'crm2.db'}").connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(visit))]


def _titles(world: World) -> list[str]:
    return sorted(str(row["subject"]) for row in _service(world))


@pytest.mark.parametrize("moved", [True, False])
def test_an_event_goes_to_a_calendar_of_the_other_bridge(two: World, *, moved: bool) -> None:
    """Invariants 2 and 3: moved or copied by a person, mark and all. It is one of the other bridge
    from then on, and what is done to it there is not done to the visit that it came from."""
    ((path, body),) = two.desks["cal"].items().items()
    two.desks["cal2"].server.put(two.desks["cal2"].url, "here.ics", body)
    if moved:
        two.delete("cal", path)
    _settle(two)
    assert _titles(two) == ["Reparatur 维修", "拜访 Besuch"]
    assert two.row()["state"] == ("cancelled" if moved else "confirmed")
    assert two.counts() == {"crm": 1, "cal": 0 if moved else 1, "cal2": 2}
    here = next(path for path in two.desks["cal2"].items() if path.endswith("here.ics"))
    two.edit("cal2", here, summary="Umbau 改造")
    _settle(two)
    assert _titles(two) == ["Reparatur 维修", "Umbau 改造"]
    assert two.row()["subject"] == "拜访 Besuch"
    two.delete("cal2", here)
    _settle(two)
    assert {row["subject"]: row["state"] for row in _service(two)}["Umbau 改造"] == "cancelled"
    assert two.row()["state"] == ("cancelled" if moved else "confirmed")
    assert two.counts()["cal"] == (0 if moved else 1)
    assert two.store.behind("sales") is two.store.behind("service") is None
