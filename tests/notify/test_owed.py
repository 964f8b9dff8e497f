"""An administrator is told of a system that answers, and does not take what is to be written."""

from __future__ import annotations

from syncd.store import Owed, PutOff
from tests.notify.conftest import MINUTE, Site
from tests.notify.fakes import robot


def _owes(site: Site, channel: str, system: str, *ids: str) -> None:
    """These writes could not be made, for the first time or again."""
    known = site.store.owed(ids)
    writes = []
    for id in ids:
        spot = (id, f"sales/{channel}", "")
        since = known[spot].since if spot in known else site.at
        owed = Owed(*spot, system, since, "拜访张三: HTTP 503")
        writes.append(PutOff(owed, site.at + MINUTE, intent=0))
    site.store.put_off(writes)


def _takes(site: Site, channel: str, *ids: str) -> None:
    site.store.forget_owed([(id, f"sales/{channel}", "") for id in ids])


def test_one_message_and_one_end(site: Site) -> None:
    """Both calendars of a server in maintenance: one message after 20 minutes, none while it
    stays so, one when everything was written; and not the server's words."""
    with robot("wecom") as vendor:
        site.start(vendor)
        _owes(site, "alice", "cloud", "a1", "a2", "a3")
        for minute in range(20):
            site.look(MINUTE)
            _owes(site, "alice", "cloud", "a1", "a2", "a3")
            _owes(site, "王芳", "cloud", "w1")
            assert bool(vendor.texts) == (minute == 19)
        for _ in range(180):
            site.look(MINUTE)
        _takes(site, "alice", "a1", "a2", "a3")
        site.look(MINUTE)
        assert len(vendor.texts) == 1
        _takes(site, "王芳", "w1")
        site.look(MINUTE)
        site.look(MINUTE)
    told, over = vendor.texts
    assert told.splitlines()[1:] == [
        "cloud: writes owed: 4, the first since 2026-11-22 10:00 (Asia/Shanghai)",
        "Why, in its words: syncd status. What it is owed it will get later.",
    ]
    assert "every system has taken what was to be written" in over


def test_what_is_owed_in_between_is_not_told(site: Site) -> None:
    """A system that takes each write at the second attempt is never told."""
    with robot("wecom") as vendor:
        site.start(vendor)
        for number in range(40):
            _owes(site, "crm", "crm", f"v{number}")
            site.look(9 * MINUTE)
            _owes(site, "crm", "crm", f"v{number + 1000}")
            _takes(site, "crm", f"v{number}")
            site.look(9 * MINUTE)
            _takes(site, "crm", f"v{number + 1000}")
    assert vendor.texts == []


def test_one_that_does_not_answer_is_silent_only(site: Site) -> None:
    """Its silence is told. When it is back it is given time anew, also over a restart; if it
    takes nothing then, that is told."""
    with robot("wecom") as vendor:
        site.start(vendor)
        _owes(site, "alice", "cloud", "a1")
        site.failing("alice")
        for _ in range(90):
            site.look(MINUTE)
        (silent,) = vendor.texts
        assert "a system does not answer" in silent
        site.stop()
        site.answered()
        site.start(vendor)
        for _ in range(20):
            site.look(MINUTE)
        assert "every system answers again" in vendor.texts[1]
        assert len(vendor.texts) == 2
        site.look(MINUTE)
    assert "does not take what is to be written" in vendor.texts[2]
    assert (
        "cloud: writes owed: 1, the first since 2026-11-22 11:31 (Asia/Shanghai)"
        in (vendor.texts[2])
    )
