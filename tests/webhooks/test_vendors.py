"""The way through: an edit at Google or Microsoft is told of, and is in all the other channels."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.google.fake import FakeGoogle
from connectors.microsoft365.fake import FakeGraph
from connectors.microsoft365.fake import Person as Outlook
from syncd.core.model import Timed
from tests.daemon.conftest import wait_for
from tests.office import MONDAY, Desk, Office
from tests.servers import Server, free_port
from tests.web.scrape import Watched, watched

ALICE, BOB = "alice@example.com", "bob@example.com"
START = MONDAY + timedelta(days=1, hours=1)
END = START + timedelta(minutes=45)


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    """A company with one colleague."""
    with FakeGoogle() as fake:
        fake.add(ALICE)
        yield fake


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """Another one."""
    with FakeGraph() as fake:
        fake.mailbox(BOB)
        yield fake


@pytest.fixture
def office(
    tmp_path: Path, radicale_server: Server, google: FakeGoogle, graph: FakeGraph
) -> Iterator[Office]:
    """A CRM, 王芳's calendar on CalDAV, Alice's at Google, Bob's at Microsoft; polls are five
    minutes apart."""
    url = radicale_server.calendar(f"wangfang-{uuid4().hex[:8]}")
    made = Office(tmp_path, [Desk("wangfang", radicale_server, url)], listen="127.0.0.1:0")
    secret = str(graph.options["client_secret"])
    for name, text in (("google.json", google.key_file), ("m365", secret)):
        (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / name).chmod(0o600)
    port = free_port()
    hooks = {"url": f"http://127.0.0.1:{port}/hooks/", "listen": f"127.0.0.1:{port}"}
    plain = {name: each for name, each in graph.options.items() if name != "client_secret"}
    replaced(made, 'poll_interval = "1s"', 'poll_interval = "300s"')
    replaced(made, "[people]", f"[daemon.webhooks]\n{lines(hooks)}[people]")
    replaced(
        made,
        "[[bridges]]",
        f'[systems.google]\nconnector = "google"\nendpoint = "{google.endpoint}"\n'
        'service_account = { file = "google.json" }\n'
        '[systems.m365]\nconnector = "microsoft365"\nclient_secret = { file = "m365" }\n'
        f"{lines(plain)}[[bridges]]",
    )
    text = made.config.read_text("utf-8")
    for system, address in (("google", ALICE), ("m365", BOB)):
        channel = {"system": system, "calendar": address, "person": address}
        text += f'[[bridges.channels]]\n{lines(channel)}admits = "all"\nholds = "all"\n'
    made.config.write_text(text, "utf-8")
    yield made
    made.engine.dispose()


def lines(table: object) -> str:
    """A table in TOML."""
    assert isinstance(table, dict)
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def replaced(office: Office, old: str, new: str) -> None:
    """Edit the configuration."""
    text = office.config.read_text("utf-8")
    assert old in text
    office.config.write_text(text.replace(old, new), "utf-8")


def told(running: Watched, system: str) -> float:
    """How many notifications of a system were accepted."""
    page = running.scrape()
    value = page.value("syncd_notifications_total", system=system, outcome="accepted")
    return value if value == value else 0.0  # not there yet is no number


def subjects(graph: FakeGraph) -> list[str]:
    """What Bob sees."""
    return [each.props["subject"] for each in Outlook(graph.mailbox(BOB)).events]


def summaries(google: FakeGoogle) -> list[str]:
    """What Alice sees."""
    return [each["summary"] for each in google.person(ALICE).live]


def test_an_edit_at_one_vendor_is_at_the_other_at_once(
    office: Office, google: FakeGoogle, graph: FakeGraph
) -> None:
    """To and fro by notifications alone, through doors like Google's and Microsoft's; the time is
    shown. The CRM and CalDAV, which tell nothing, have it as well. Invariant 5: nobody is mailed.
    Invariant 11: no token and no secret in the log."""
    (wangfang,) = office.desks
    alice, bob = google.person(ALICE), Outlook(graph.mailbox(BOB))
    there: list[float] = []
    back: list[float] = []
    with watched(office) as running:
        assert wait_for(lambda: google.channels.open)
        assert wait_for(lambda: graph.service.subscriptions.living)
        key = alice.put("拜访 Müller", Timed(START, END, "Asia/Shanghai"))
        assert wait_for(lambda: subjects(graph) == ["拜访 Müller"])
        for turn in range(6):
            title = f"拜访 Müller {turn}"
            began = time.monotonic()
            alice.retitle(key, title)
            assert wait_for(lambda title=title: subjects(graph) == [title])
            there.append(time.monotonic() - began)
            began = time.monotonic()
            bob.edit(bob.events[0], subject=f"{title}, bestätigt 已确认")
            assert wait_for(lambda title=title: summaries(google) == [f"{title}, bestätigt 已确认"])
            back.append(time.monotonic() - began)
        last = ["拜访 Müller 5, bestätigt 已确认"]
        assert wait_for(lambda: [row["subject"] for row in office.rows()] == last)
        assert wait_for(lambda: wangfang.titles() == last)
        assert told(running, "google") >= 6
        assert told(running, "m365") >= 6
        page = running.scrape()
        assert running.end()[0] == 0
    for words, took in (("Google to Microsoft", there), ("Microsoft to Google", back)):
        print(f"{words}: median {statistics.median(took):.2f} s, worst {max(took):.2f} s")
    for system in ("google", "m365"):
        assert page.value("syncd_watches", system=system, state="trusted") == 1
    assert google.mails == 0
    shown = "\n".join(running.lines)
    for secret in ("ya29", str(graph.options["client_secret"]), *graph.login.valid):
        assert secret not in shown


def test_what_we_write_is_told_to_us_and_that_is_all(
    office: Office, google: FakeGoogle, graph: FakeGraph
) -> None:
    """Invariant 6: each echo is a look, and then there is peace."""
    office.visits(1)
    with watched(office) as running:
        assert wait_for(lambda: len(summaries(google)) == 1 and len(subjects(graph)) == 1)
        assert wait_for(lambda: told(running, "google") >= 1 and told(running, "m365") >= 1)
        asked = -1
        while asked != (asked := sum(google.requests.values()) + len(graph.calls)):
            time.sleep(2.5)  # longer than what is told takes to be looked at
        assert running.end()[0] == 0
    print(f"requests to both for sign-in, first look, watch, a create and its echo: {asked}")
    assert len(summaries(google)) == len(subjects(graph)) == len(office.rows()) == 1
    assert google.mails == 0


def test_a_subscription_that_microsoft_removes(office: Office, graph: FakeGraph) -> None:
    """The lifecycle notification comes through the same door: another one is made, and what was
    changed meanwhile is found."""
    living, bob = graph.service.subscriptions.living, Outlook(graph.mailbox(BOB))
    with watched(office) as running:
        assert wait_for(lambda: living)
        bob.put("vorher 之前", _naive(START), _naive(END), "Asia/Shanghai")
        assert wait_for(lambda: [row["subject"] for row in office.rows()] == ["vorher 之前"])
        assert running.end()[0] == 0
    with watched(office) as running:  # it is old enough now to be made anew at once
        (id,) = living
        graph.service.subscriptions.loses = True
        bob.edit(bob.events[0], subject="unbemerkt 没人发现")
        graph.service.subscriptions.loses = False
        graph.service.subscriptions.lifecycle(id, "subscriptionRemoved")
        assert wait_for(lambda: list(living) not in ([], [id]))
        assert wait_for(lambda: office.rows()[0]["subject"] == "unbemerkt 没人发现")
        assert running.end()[0] == 0


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
