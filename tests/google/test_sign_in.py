"""Who signs in to Google and how: google-auth runs for real against the fake's endpoint."""

from __future__ import annotations

import json
import logging
import ssl
import stat
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from connectors import google
from connectors.google import consent, plugin
from connectors.google.fake import FakeGoogle, Fault
from connectors.google.fake.tokens import Tokens
from syncd.connector import Collection, SignsIn, System
from syncd.core.model import Appointment
from syncd.errors import ConfigError, SyncdError, Unauthorized, Unavailable
from tests.conformance.world import look
from tests.google.connecting import ALICE, BOB, GROUP, at, connect, identity, system


def test_each_channel_is_its_own_person(fake: FakeGoogle) -> None:
    for person in (ALICE, BOB):
        connect(fake, person).create(identity(), Appointment(at(2), title=person))
    for person in (ALICE, BOB):
        (event,) = fake.person(person).live
        assert event["summary"] == person


def test_threads_and_accounts_are_not_mixed_up(fake: FakeGoogle) -> None:
    """One shared transport gave some threads the answers of others (seen)."""
    people = [f"u{number}@example.com" for number in range(6)]
    for person in people:
        fake.add(person)
        fake.person(person).put(person, at(2))
    wrong: list[str] = []

    def work(person: str) -> None:
        connector = connect(fake, person)
        for _ in range(15):
            titles = [copy.reads.title for copy in look(connector).copies]
            if titles != [person]:
                wrong.append(person)

    threads = [threading.Thread(target=work, args=(person,)) for person in people * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("what", "lone"),
    [("person", True), ("scope", False), ("key", False), ("endpoint", None)],
)
def test_a_refused_sign_in_says_whose_fault_it_is(
    fake: FakeGoogle, what: str, lone: bool | None
) -> None:
    """Somebody who has left must not stop the others; a scope that is missing concerns all."""
    connector = connect(fake, ALICE)
    if what == "person":
        fake.tokens.users.discard(ALICE)
    elif what == "scope":
        fake.tokens.delegated.clear()
    elif what == "key":
        stranger = Tokens(key="k2").key_file(f"{fake.base}token")
        connector = connect(fake, service_account=stranger)
    else:
        fake.faults.append(Fault(when=lambda name, _: name == "token", times=99))
    with pytest.raises((Unauthorized, Unavailable)) as refused:
        look(connector)
    assert getattr(refused.value, "lone", None) == (lone or False)
    assert isinstance(refused.value, Unavailable if lone is None else Unauthorized)
    assert ALICE not in str(refused.value)


def test_an_access_token_that_ends_is_renewed(fake: FakeGoogle) -> None:
    fake.tokens.lifetime = 1  # less than google-auth's margin: each request asks for another
    connector = connect(fake)
    for _ in range(3):
        look(connector)
    assert fake.tokens.answered == 3
    assert connector.requests == 3


def test_many_threads_ask_for_one_token(fake: FakeGoogle) -> None:
    connector = connect(fake)
    threads = [threading.Thread(target=lambda: look(connector)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.tokens.answered == 1


def test_under_tls_as_google_is(tmp_path: Path) -> None:
    """Without the authority in ``ca_file`` neither the key nor a token leaves."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with FakeGoogle(context) as fake:
        fake.add(ALICE)
        trusting = plugin.connect(
            replace(system(fake, ca_file="ca.pem"), folder=str(tmp_path)), Collection(ALICE)
        )
        key = trusting.create(identity(), Appointment(at(2), title="客户")).key
        assert [copy.key for copy in look(trusting).copies] == [key]
        answered = fake.tokens.answered
        with pytest.raises(Unavailable):
            look(connect(fake))
        assert fake.tokens.answered == answered


@pytest.fixture
def own(fake: FakeGoogle, tmp_path: Path) -> System:
    """A system without a service account."""
    fake.tokens.consenting = BOB
    given = system(fake)
    options = {k: v for k, v in given.options.items() if k != "service_account"}
    options["client_secrets"] = fake.client_file
    return replace(given, options=options, tokens=str(tmp_path / "tokens"))


def _agree(address: str) -> str:
    """What a person's browser does: follows Google's redirect, or shows where it could not."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return str(answer.url)
    except urllib.error.HTTPError as error:
        return str(error.url)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def _pasted(address: str) -> str:
    """The address bar on another machine, where nobody listens."""
    try:
        urllib.request.build_opener(_NoRedirect).open(address, timeout=20)
    except urllib.error.HTTPError as redirect:
        return str(redirect.headers["Location"])
    raise AssertionError("Google sends the browser back")


def test_consent_in_a_browser(
    fake: FakeGoogle, own: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent.webbrowser, "open", _agree)
    assert isinstance(plugin, SignsIn)
    said: list[str] = []
    assert plugin.sign_in(own, said.append, None, browser=True) == BOB
    (path,) = Path(own.tokens).iterdir()
    assert path.name == "google.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    named = replace(own, options={**own.options, "account": BOB})
    connector = plugin.connect(named, Collection())
    connector.create(identity(), Appointment(at(2), title="鲍勃"))
    assert fake.person(BOB).live[0]["summary"] == "鲍勃"
    assert look(plugin.connect(named, Collection(GROUP))).identity == GROUP
    refresh = json.loads(path.read_text())["refresh_token"]
    assert refresh in fake.tokens.refresh
    assert not [line for line in said if refresh in line]


def test_consent_without_a_browser(
    fake: FakeGoogle, own: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    def ask(prompt: str) -> str:
        (address,) = [line for line in said if line.startswith("http")]
        return f"  {_pasted(address)}\n"

    assert plugin.sign_in(own, said.append, ask, browser=False) == BOB
    (refresh,) = fake.tokens.refresh
    assert not [text for text in (*said, *caplog.messages) if refresh in text]


@pytest.mark.parametrize(
    "answer", ["", "nonsense", "http://127.0.0.1/?code=4/x&state=forged", "http://x/?error=denied"]
)
def test_an_address_that_is_not_the_one(fake: FakeGoogle, own: System, answer: str) -> None:
    with pytest.raises(Unauthorized):
        plugin.sign_in(own, lambda line: None, lambda prompt: answer, browser=False)
    assert not Path(own.tokens).exists()


def test_a_denial_is_told(fake: FakeGoogle, own: System) -> None:
    said: list[str] = []

    def ask(prompt: str) -> str:
        (address,) = [line for line in said if line.startswith("http")]
        state = address.partition("state=")[2].partition("&")[0]
        return f"http://127.0.0.1:1/?error=access_denied&state={state}"

    with pytest.raises(Unauthorized, match="access_denied"):
        plugin.sign_in(own, said.append, ask, browser=False)


def test_somebody_else_s_consent_is_refused(fake: FakeGoogle, own: System) -> None:
    named = replace(own, options={**own.options, "account": ALICE})
    said: list[str] = []

    def ask(prompt: str) -> str:
        return _pasted(next(line for line in said if line.startswith("http")))

    with pytest.raises(Unauthorized, match="somebody else") as refused:
        plugin.sign_in(named, said.append, ask, browser=False)
    assert BOB not in str(refused.value)
    assert not Path(own.tokens).exists()


def test_nobody_to_type_and_no_browser(own: System) -> None:
    with pytest.raises(ConfigError):
        plugin.sign_in(own, lambda line: None, None, browser=False)


@pytest.fixture
def signed_in(fake: FakeGoogle, own: System) -> System:
    """Bob has agreed."""
    said: list[str] = []

    def ask(prompt: str) -> str:
        return _pasted(next(line for line in said if line.startswith("http")))

    plugin.sign_in(own, said.append, ask, browser=False)
    return replace(own, options={**own.options, "account": BOB})


def test_a_sign_in_that_was_renewed_beside_the_daemon_is_taken_up(
    fake: FakeGoogle, signed_in: System
) -> None:
    connector = plugin.connect(signed_in, Collection())
    look(connector)
    fake.tokens.refresh.clear()
    fake.tokens.issued.clear()
    with pytest.raises(Unauthorized) as revoked:
        look(connector)
    assert "invalid_grant" in str(revoked.value)
    assert not revoked.value.lone  # it is the only account of this system
    said: list[str] = []
    plugin.sign_in(
        signed_in,
        said.append,
        lambda prompt: _pasted(next(line for line in said if line.startswith("http"))),
        browser=False,
    )
    assert look(connector).complete


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"service_account": "no json"}, "service_account"),
        ({"service_account": "[]"}, "service_account"),
        ({"service_account": "{}"}, ""),
        ({"service_account": ""}, "service_account"),
        ({"service_account": "", "account": "zhao@example.com"}, "account"),
        ({"endpoint": "http://google.example.com/"}, "endpoint"),
        ({"endpoint": "ftp://x"}, "endpoint"),
        ({"endpoint": "https://me:pw@x/"}, "endpoint"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"requests_per_user": -1}, "requests_per_user"),
        ({"ca_file": "nowhere.pem"}, "ca_file"),
        ({"account": 7}, "account"),
    ],
)
def test_bad_options_are_named(
    fake: FakeGoogle, tmp_path: Path, options: dict[str, object], key: str
) -> None:
    given = system(fake)
    bad = replace(given, folder=str(tmp_path), options={**given.options, **options})
    with pytest.raises(SyncdError) as wrong:
        plugin.connect(bad, Collection(person=ALICE))
    assert isinstance(wrong.value, ConfigError)
    assert key in str(wrong.value)
    assert "PRIVATE" not in str(wrong.value)


def test_a_service_account_needs_somebody_to_act_for(fake: FakeGoogle) -> None:
    with pytest.raises(ConfigError, match="whom to act for"):
        plugin.connect(system(fake), Collection())
    assert look(plugin.connect(system(fake), Collection(ALICE))).complete


def test_without_google_s_libraries(fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "find_spec", lambda name: None if "api" in name else name)
    with pytest.raises(ConfigError, match=r"syncd\[google\]"):
        connect(fake)
