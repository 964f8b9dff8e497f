"""Our own creates, when they are seen for the first time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.state import AppointmentId, Copy, Key, Marker, Operation, Plan, Slot, Write
from syncd.store import Store
from tests.store.given import CAL, CRM, NOW, after, copy, look, settled


def created(store: Store, id_: AppointmentId, key: Key, slot: Slot = "") -> Copy:
    """A create in ``cal`` was accepted under ``key``; answers the copy that it made."""
    agreed = store.agreements([id_])[id_]
    content = agreed.appointment
    write = Write("cal", slot, Operation.CREATE, content, content)
    (intent,) = store.commit("sales", "c1", after(1), [Plan(id_, agreed, (write,))])
    store.answer(intent.id, key=key, version="1", at=after(2))
    return copy(key, marker=Marker(store.installation, id_, slot))


@pytest.fixture
def agreed(store: Store) -> Store:
    """A store with two appointments that came from the CRM."""
    for number in (1, 2):
        settled(store, f"a{number}", NOW, {("crm", ""): copy(f"r{number}")})
    return store


def whose(store: Store, channel: str, key: Key) -> tuple[AppointmentId | None, Slot]:
    item = store.observed(channel, key)
    assert item is not None
    return item.appointment, item.slot


def test_what_we_made_is_at_its_place(agreed: Store) -> None:
    look(agreed, CAL, after(3), created(agreed, "a1", "一.ics"), created(agreed, "a2", "2", "rid"))
    made = {("a1", ("cal", "")): "一.ics", ("a2", ("cal", "rid")): "2"}
    assert agreed.made("sales") == made
    assert agreed.recognise("sales") == 2
    assert whose(agreed, CAL, "一.ics") == ("a1", "")
    assert whose(agreed, CAL, "2") == ("a2", "rid")
    assert agreed.due("sales", after(4)) == ["a1", "a2"]
    assert agreed.unpaired("sales") == []
    assert agreed.recognise("sales") == 0


def test_what_we_made_and_was_seen_to_go_has_its_place_no_more(agreed: Store) -> None:
    """While a plan is held nothing is settled. A client moves it meanwhile: what bears its marker
    is it, and no duplicate of what has gone."""
    look(agreed, CAL, after(3), created(agreed, "a1", "k1"))
    look(agreed, CAL, after(4), gone=("k1",))
    assert agreed.made("sales") == {}


def test_what_we_make_again_where_it_went_has_its_place(agreed: Store) -> None:
    look(agreed, CAL, after(-3), copy("k1"))
    agreed.assign([(CAL, "k1", "a1", "")])
    look(agreed, CAL, after(-2), gone=("k1",))
    created(agreed, "a1", "k1")
    assert agreed.made("sales") == {("a1", ("cal", "")): "k1"}


def _another_key(store: Store, made: Copy) -> tuple[str, Copy]:
    return CAL, copy("copied by hand", marker=made.marker)


def _another_channel(store: Store, made: Copy) -> tuple[str, Copy]:
    return CRM, made


def _another_installation(store: Store, made: Copy) -> tuple[str, Copy]:
    return CAL, copy(made.key, marker=Marker("other123", "a1"))


def _another_slot(store: Store, made: Copy) -> tuple[str, Copy]:
    return CAL, copy(made.key, marker=Marker(store.installation, "a1", "rid"))


def _no_marker(store: Store, made: Copy) -> tuple[str, Copy]:
    return CAL, copy(made.key)


@pytest.mark.parametrize(
    "other", [_another_key, _another_channel, _another_installation, _another_slot, _no_marker]
)
def test_anything_else_is_left_to_pairing(
    agreed: Store, other: Callable[[Store, Copy], tuple[str, Copy]]
) -> None:
    """What a person duplicated is not taken for ours."""
    channel, shown = other(agreed, created(agreed, "a1", "k1"))
    look(agreed, channel, after(3), shown)
    assert agreed.recognise("sales") == 0
    assert whose(agreed, channel, shown.key) == (None, "")


def test_a_place_that_is_taken_is_left_to_pairing(agreed: Store) -> None:
    """Which of two copies at one place stays is not decided here."""
    look(agreed, CAL, after(0.5), copy("there already"))
    agreed.assign([(CAL, "there already", "a1", "")])
    look(agreed, CAL, after(3), created(agreed, "a1", "k1"))
    assert agreed.recognise("sales") == 0


def test_two_creates_for_one_place_are_left_to_pairing(agreed: Store) -> None:
    first, second = created(agreed, "a1", "k1"), created(agreed, "a1", "k2")
    look(agreed, CAL, after(3), first, second)
    assert agreed.recognise("sales") == 0


def test_a_create_without_an_answer_is_left_to_pairing(agreed: Store) -> None:
    made = created(agreed, "a1", "k1")
    ((_, intent),) = agreed.open_intents("sales")
    agreed.fail(intent.id, doubtful=False)
    look(agreed, CAL, after(3), made)
    assert agreed.recognise("sales") == 0
