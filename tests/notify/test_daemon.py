"""``syncd run`` as a process, with a real calendar server and a robot that is told."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connectors.sql.crm.schema import visit
from syncd.inbox import hold_id
from syncd.store import HoldState, Store
from tests.daemon.conftest import daemon, wait_for
from tests.notify.fakes import TOKEN, Vendor, robot
from tests.office import Desk, Office
from tests.servers import Server, radicale


class TellingOffice(Office):
    """An office whose syncd tells robots; their URLs and secret come from the environment."""

    vendors: tuple[Vendor, ...] = ()
    mistyped = ""

    def tell(self, *vendors: Vendor, language: str = "en") -> None:
        """Write a ``[[notify]]`` for each."""
        self.vendors = vendors
        text = self.config.read_text("utf-8")
        for number, vendor in enumerate(vendors):
            text += f'[[notify]]\nname = "n{number}"\nservice = "{vendor.kind}"\n'
            text += f'url = {{ env = "ROBOT_{number}" }}\nlanguage = "{language}"\n'
            if vendor.secret:
                text += f'secret = {{ env = "SECRET_{number}" }}\n'
        self.config.write_text(text, "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        robots = {f"ROBOT_{n}": vendor.url for n, vendor in enumerate(self.vendors)}
        secrets = {
            f"SECRET_{n}": self.mistyped or vendor.secret
            for n, vendor in enumerate(self.vendors)
            if vendor.secret
        }
        return {**super().environment, **robots, **secrets}

    def looked(self) -> datetime:
        """When the CRM was last seen."""
        with self._store() as store:
            state = store.channel_state("sales/crm")
        assert state is not None
        assert state.looked is not None
        return state.looked

    def held(self) -> str:
        """What the open hold is called, if there is one."""
        with self._store() as store:
            return "".join(hold_id(h.id, h.digest) for h in store.holds(HoldState.OPEN))

    def _store(self) -> Store:
        return Store.open(f"sqlite:///{self.folder / 'state.db'}", create=False)


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server) -> TellingOffice:
    """A CRM with 12 visits, and Alice's calendar."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    found = TellingOffice(tmp_path, [Desk("alice", radicale_server, url)])
    found.visits(12)
    return found


@contextmanager
def _calm(office: TellingOffice) -> Iterator[None]:
    """A daemon that has made everything equal and carried three edits, one after the other."""
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].items()) == 12)
        for number in range(3):
            title = f"第 {number} 次修改"
            office.change(1, subject=title)
            assert wait_for(lambda title=title: title in office.desks[0].titles())
        # A copy whose last write no look has shown yet is not asked to go: it would be one less.
        _cycles(office, 2)
        yield
        assert running.end()[0] == 0
    assert TOKEN not in "".join(running.lines)


def _half_disappears(office: TellingOffice) -> None:
    gone = sa.update(visit).where(visit.c.id <= 8).values(deleted_at=datetime(2026, 11, 22, 1))
    with office.engine.begin() as connection:
        connection.execute(gone)
    assert wait_for(office.held)


def _cycles(office: TellingOffice, times: int) -> None:
    """So many cycles pass."""
    for _ in range(times):
        looked = office.looked()
        assert wait_for(lambda looked=looked: office.looked() > looked)


def test_a_hold_is_told_once_and_calm_not_at_all(office: TellingOffice) -> None:
    """Nothing while all is well; one message for the hold, whatever restarts; one when it is
    over."""
    with robot("dingtalk", secret="SEC密钥") as vendor:
        office.tell(vendor)
        with _calm(office):
            assert vendor.requests == 0
            _half_disappears(office)
            assert wait_for(lambda: vendor.texts)
            _cycles(office, 3)
        with daemon(office) as running:
            _cycles(office, 3)
            assert len(vendor.texts) == 1
            text = vendor.texts[0]
            assert "writing is held" in text
            assert "sales: 8 writes wait: " in text
            assert "\n  done in crm, seen since 20" in text
            assert "第" not in text
            assert office.run("approve", office.held()).returncode == 0
            assert wait_for(lambda: len(office.desks[0].items()) == 4)
            assert wait_for(lambda: len(vendor.texts) == 2)
            assert running.end()[0] == 0
    assert "nothing is held any longer" in vendor.texts[1]


def test_a_robot_that_hangs_delays_neither_work_nor_the_end(office: TellingOffice) -> None:
    """Edits are carried, another robot is told, and SIGTERM ends it within 10 seconds."""
    release, reached = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(60)

    with robot("wecom", before=hang) as stuck, robot("feishu") as other:
        office.tell(stuck, other, language="zh")
        with daemon(office) as running:
            assert wait_for(lambda: len(office.desks[0].items()) == 12)
            _half_disappears(office)
            assert reached.wait(60)
            assert wait_for(lambda: other.texts)
            _cycles(office, 2)
            code, took = running.end()
        release.set()
    assert (code, took < 10) == (0, True)
    assert "写入已暂停" in other.texts[0]


def test_a_wrong_password_is_told_and_its_end_too(tmp_path: Path) -> None:
    """At once, as two calendars of the account are refused; over once SIGHUP has taken the right
    password."""
    with radicale("alice", "right-password") as strict, robot("wecom") as vendor:
        urls = {name: strict.calendar(name) for name in ("alice", "bob")}
        desks = [Desk(name, strict, url) for name, url in urls.items()]
        desks[1].settings = {"calendar": urls["bob"]}
        office = TellingOffice(tmp_path, desks)
        office.visits(1)
        password = office.folder / "password"
        password.write_text("wrong-password", "utf-8")
        password.chmod(0o600)
        text = office.config.read_text("utf-8")
        text = text.replace('{ env = "CALDAV_PASSWORD" }', '{ file = "password" }')
        text = text.replace('system = "bob-dav"', 'system = "alice-dav"')
        office.config.write_text(text, "utf-8")
        office.tell(vendor, language="zh")
        with daemon(office) as running:
            assert wait_for(lambda: vendor.texts)
            password.write_text("right-password", "utf-8")
            running.process.send_signal(signal.SIGHUP)
            assert wait_for(lambda: all(len(desk.items()) == 1 for desk in desks))
            assert wait_for(lambda: len(vendor.texts) == 2)
            assert running.end()[0] == 0
    refused, over = vendor.texts
    assert "有系统拒绝登录" in refused
    assert "alice-dav" in refused
    assert "password" not in refused
    assert "所有系统均已恢复登录" in over


def test_each_is_tried_by_check(office: TellingOffice) -> None:
    """What each service answered, and exit 1 if one did not take it; nothing secret is shown."""
    with robot("wecom") as first, robot("feishu", secret="right") as second:
        office.tell(first, second)
        done = office.run("check", "--notify")
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
            ["n0", "wecom", "delivered"],
            ["n1", "feishu", "delivered"],
        ]
        assert len(first.texts) == len(second.texts) == 1
        office.mistyped = "left"
        failed = office.run("check", "--notify", "--json")
    assert failed.returncode == 1
    assert '"ok": false, "answer": "Feishu refuses (19021): the signature' in failed.stdout
    assert TOKEN not in done.stdout + failed.stdout + failed.stderr


def test_nobody_to_be_told_is_a_clear_error(office: TellingOffice) -> None:
    done = office.run("check", "--notify")
    assert done.returncode == 2
    assert "notify: nobody is told ([[notify]])" in done.stderr
