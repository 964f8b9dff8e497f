"""What counts as an edit on its way, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from syncd import metrics
from syncd.arrivals import Arrivals
from syncd.core.state import Agreement, Kind, Plan, Record, Setter, Span
from syncd.store import ChannelState, Store
from tests.store.given import NOW, after, copy, settled, update, visit

ID = "00000000000000a1"
TITLE = ("title",)


class Bridge:
    """A bridge of two channels that have been looked at before, and its lag."""

    def __init__(self, store: Store) -> None:
        self.store, self.name = store, f"sales-{uuid4().hex[:8]}"
        for channel in ("crm", "cal"):
            store.save_channel_state(ChannelState(f"{self.name}/{channel}", looked=NOW))
        self.arrivals = Arrivals(self.name, store)

    def decided(
        self,
        span: Span | None,
        *,
        kind: Kind = Kind.SET,
        by: str = "crm",
        to: str | None = "cal",
        dark: tuple[str, ...] = (),
    ) -> None:
        """A settling that took an edit of ``by`` (if there is a ``span``) and owes ``to``."""
        setter = Setter(by, span or Span(after(-900), after(-900)), NOW)
        agreed = Agreement(visit("neu"), {(): Setter(by, Span(NOW, NOW), NOW), TITLE: setter})
        record = Record(kind, TITLE, "rule", by, "neu", "alt")
        writes = (update(to, copy("k"), visit("neu")),) if to else ()
        plan = Plan(ID, agreed, writes, (record,) if span else ())
        self.intents = self.store.commit(self.name, "c", NOW, [plan])
        self.arrivals.decided([plan], dark)

    def seconds(self, channel: str) -> float | None:
        """The sum of the lags of a channel; ``None`` if nothing has arrived."""
        labels = {"bridge": self.name, "channel": channel}
        return metrics.registry.get_sample_value("syncd_edit_lag_seconds_sum", labels)


@pytest.fixture
def bridge(store: Store) -> Iterator[Bridge]:
    settled(store, ID, NOW, {("cal", ""): copy("k")})
    yield Bridge(store)
    metrics.keep((), ())


def test_it_was_made_between_the_two_looks(bridge: Bridge) -> None:
    """Nobody knows when: the middle is as often too early as too late."""
    bridge.decided(Span(after(1), after(2)))
    bridge.arrivals.arrived(ID, "cal", after(3))
    assert bridge.seconds("cal") == pytest.approx(90)


def test_it_was_made_when_its_copy_says(bridge: Bridge) -> None:
    bridge.decided(Span(after(1), after(1) + timedelta(seconds=1)))
    bridge.arrivals.arrived(ID, "cal", after(3))
    assert bridge.seconds("cal") == pytest.approx(119.5)


def test_what_was_there_at_the_first_look_is_no_edit(bridge: Bridge) -> None:
    """Neither with a time of its own, long ago, nor without one."""
    bridge.decided(Span(after(-500), after(-500)))
    bridge.arrivals.arrived(ID, "cal", after(3))
    assert bridge.seconds("cal") is None


def test_a_channel_that_was_never_seen_begins_with_its_first_look(bridge: Bridge) -> None:
    bridge.decided(Span(after(1), after(1)), by="new", to="cal")
    bridge.arrivals.arrived(ID, "cal", after(2))
    assert bridge.seconds("cal") is None
    bridge.arrivals.looked(["new"], after(3))
    bridge.decided(Span(after(4), after(4)), by="new", to="cal")
    bridge.arrivals.arrived(ID, "cal", after(5))
    assert bridge.seconds("cal") == pytest.approx(60)


def test_what_is_put_back_or_given_to_a_new_channel_is_no_edit(bridge: Bridge) -> None:
    bridge.decided(None)
    bridge.arrivals.arrived(ID, "cal", after(3))
    bridge.decided(Span(after(1), after(2)), kind=Kind.PUT_BACK)
    bridge.arrivals.arrived(ID, "cal", after(3))
    assert bridge.seconds("cal") is None


def test_it_does_not_arrive_where_it_was_made(bridge: Bridge) -> None:
    bridge.decided(Span(after(1), after(1)), by="cal")
    bridge.arrivals.arrived(ID, "cal", after(3))
    assert bridge.seconds("cal") is None


def test_a_person_s_answer_counts(bridge: Bridge) -> None:
    """``syncd resolve``: from when it was given."""
    bridge.decided(Span(after(1), after(1)), by="person:root")
    bridge.arrivals.arrived(ID, "cal", after(2))
    assert bridge.seconds("cal") == pytest.approx(60)


def test_a_write_that_fails_keeps_its_edit(bridge: Bridge) -> None:
    """Tried again an hour later, by a settling that decided nothing: an hour."""
    bridge.decided(Span(after(1), after(1)))
    bridge.store.fail(bridge.intents[0].id, doubtful=False)
    bridge.decided(None)
    bridge.arrivals.arrived(ID, "cal", after(61))
    bridge.arrivals.arrived(ID, "cal", after(90))
    assert bridge.seconds("cal") == pytest.approx(3600)


def test_what_a_dark_channel_misses_arrives_late(bridge: Bridge) -> None:
    bridge.decided(Span(after(1), after(1)), to=None, dark=("cal",))
    bridge.decided(None, to="cal")
    bridge.arrivals.arrived(ID, "cal", after(121))
    assert bridge.seconds("cal") == pytest.approx(7200)


def test_an_edit_that_a_channel_does_not_get_is_forgotten(bridge: Bridge) -> None:
    """It came back and was owed nothing; a write for another reason, months later, is no lag."""
    bridge.decided(Span(after(1), after(1)), to=None, dark=("cal",))
    bridge.decided(None, to=None)
    bridge.decided(None, to="cal")
    bridge.arrivals.arrived(ID, "cal", after(90_000))
    assert bridge.seconds("cal") is None


def test_a_clock_that_went_back_shows_no_negative_lag(bridge: Bridge) -> None:
    bridge.decided(Span(after(10), after(10)))
    bridge.arrivals.arrived(ID, "cal", after(3))
    assert bridge.seconds("cal") == 0
