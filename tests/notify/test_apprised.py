"""Mail and web hooks through Apprise, against servers on loopback."""

from __future__ import annotations

import email
import email.policy
import json
import logging

import pytest

from syncd.config import NotifySettings, Service
from syncd.notify.apprised import Apprised
from syncd.notify.senders import InDoubt, Refused, SendError
from syncd.notify.words import Message
from syncd.secrets import Secret
from tests.notify.fakes import mailbox, robot

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise loads all its services at once, one of which uses that module."""

HELLO = Message("syncd (ab12cd34): 测试", "一切正常。\nAll is well: 100 % & <b>“é”</b> ${HOME}")


def _place(url: str) -> Apprised:
    return Apprised(NotifySettings(name="mail", service=Service.APPRISE, url=Secret(url)))


def _mailto(port: int, to: str = "ops@example.com") -> str:
    return f"mailto://127.0.0.1:{port}?from=syncd@example.com&to={to}&mode=insecure"


def test_a_mail_arrives_as_it_was_written() -> None:
    with mailbox() as box:
        assert _place(_mailto(box.port)).send(HELLO) == "accepted"
    (letter,) = box.letters
    read = email.message_from_bytes(letter, policy=email.policy.default)
    assert read["Subject"] == HELLO.title
    body = read.get_body(("plain", "html"))
    assert body is not None
    text = body.get_content()
    assert "一切正常" in text
    assert "Apprise" not in str(read["From"])
    assert "${HOME}" in text


def test_a_mail_that_is_refused_is_known_to_be() -> None:
    with mailbox() as box:
        box.refuses = "ops@"
        with pytest.raises(SendError) as caught:
            _place(_mailto(box.port)).send(HELLO)
    assert type(caught.value) is SendError
    assert box.letters == []


def test_a_mail_for_several_leaves_a_doubt() -> None:
    """Who got it would get it again."""
    with mailbox() as box:
        box.refuses = "ops@"
        with pytest.raises(InDoubt):
            _place(_mailto(box.port, "boss@example.com,ops@example.com")).send(HELLO)
    assert len(box.letters) == 1


def test_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """Invariant 11: neither the error nor Apprise's log at our levels has the password."""
    with mailbox() as box:
        url = f"mailto://syncd:hunter2@127.0.0.1:{box.port}?from=a@example.com&mode=insecure"
    with caplog.at_level(logging.WARNING), pytest.raises(SendError) as caught:
        _place(url).send(HELLO)
    assert "hunter2" not in caplog.text + str(caught.value)


def test_a_web_hook_gets_it() -> None:
    with robot("wecom", answer=lambda: (200, b"{}", {})) as hook:
        url = hook.url.replace("http://", "json://").partition("/cgi-bin")[0]
        assert _place(f"{url}/hook").send(HELLO) == "accepted"
    assert hook.requests == 1


def test_redirects_are_not_followed() -> None:
    with robot("wecom", answer=lambda: (200, json.dumps({}).encode(), {})) as other:
        away = {"Location": other.url}
        with robot("wecom", answer=lambda: (307, b"", away)) as hook:
            url = hook.url.replace("http://", "json://").partition("/cgi-bin")[0]
            with pytest.raises(SendError):
                _place(f"{url}/hook").send(HELLO)
    assert other.requests == 0


def test_a_url_that_apprise_does_not_know() -> None:
    with pytest.raises(Refused, match="does not understand"):
        _place("carrier-pigeon://hunter2").send(HELLO)
