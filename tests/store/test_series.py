"""What a series that is split is looked for among."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event

from syncd.core.model import Recurrence
from syncd.core.state import Plan
from syncd.store import Store
from tests.store.given import CAL, NOW, after, agreement, copy, look, visit

WEEKLY = replace(visit('每周"recurrence":例会'), recurrence=Recurrence(("FREQ=WEEKLY",)))
SINGLE = visit('"recurrence":')


def test_the_series_that_a_channel_shows(store: Store) -> None:
    """Not single visits, whatever they are called, nor what nobody has paired or is gone."""
    look(
        store,
        CAL,
        NOW,
        copy("k1", appointment=WEEKLY),
        copy("k2", appointment=SINGLE),
        copy("k3", appointment=WEEKLY),
        copy("k4", appointment=WEEKLY),
    )
    store.assign([(CAL, f"k{n}", f"a{n}", "") for n in (1, 2, 4)])
    store.record_fetch(CAL, after(1), gone=["k4"])
    ((id, shown),) = store.series_shown(CAL)
    assert (id, shown.key, shown.reads) == ("a1", "k1", WEEKLY)
    assert store.series_shown("sales/crm") == []


def test_looking_for_series_reads_one_channel_only(tmp_path: Path) -> None:
    """By the index of a channel's items: asked only when somebody has made a new series there,
    it takes 0.06 s where the channel shows 50,000 copies. An index of the series alone would cost
    each look a search in the text of every copy."""
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as store:
        asked: list[tuple[str, tuple[str, ...]]] = []
        event.listen(
            store._database._engine,
            "before_cursor_execute",
            lambda _c, _cursor, text, bound, *_: asked.append((text, bound)),
        )
        store.series_shown(CAL)
        (query,) = [each for each in asked if "LIKE" in each[0]]
        with store._database.read() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1]).all()
    assert [str(row[3]) for row in plan] == [
        "SEARCH observed USING INDEX observed_state (channel=? AND state=?)"
    ]


def test_what_somebody_has_made_in_a_channel_for_a_time(store: Store) -> None:
    """Not what we have copied there, nor single occurrences, nor what begins later."""
    theirs = agreement({("cal", ""): copy("k1", appointment=SINGLE)}, SINGLE)
    made = {p: replace(s, ours=True) for p, s in theirs.copies.items()}
    rows = {(name, "20260302T090000"): s for (name, _), s in theirs.copies.items()}
    plans = [theirs, replace(theirs, copies=made), replace(theirs, copies=rows)]
    store.commit("sales", "c1", NOW, [Plan(f"a{n}", each) for n, each in enumerate(plans)])
    day = timedelta(days=1)
    (starts,) = {found.appointment.when.start for found in store.appointments("sales")}
    begins = NOW.replace(year=starts.year, month=starts.month, day=starts.day)
    assert store.held_from("sales", "cal", begins - day, begins + day) == {"a0"}
    assert store.held_from("sales", "crm", begins - day, begins + day) == set()
    assert store.held_from("sales", "cal", begins + day, begins + 2 * day) == set()
    assert store.held_from("other", "cal", begins - day, begins + day) == set()
