"""The robots' own senders against servers that are as strict as the vendors."""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import trustme

from syncd.notify.robots import LONGEST, Robot
from syncd.notify.senders import InDoubt, Refused, SendError, Throttled
from syncd.notify.words import Message
from syncd.secrets import Secret
from tests.notify.conftest import told_by
from tests.notify.fakes import TOKEN, robot

KINDS = ("wecom", "dingtalk", "feishu")
SIGNED = ("dingtalk", "feishu")
HELLO = Message("syncd (ab12cd34): 测试", "一切正常。 All is well: 100 % & <b>“é”</b>")


@pytest.mark.parametrize("kind", KINDS)
def test_it_arrives(kind: str) -> None:
    with robot(kind) as vendor:
        assert Robot(told_by(vendor)).send(HELLO).startswith("0 ")
    assert vendor.texts == [HELLO.text]


@pytest.mark.parametrize("kind", SIGNED)
def test_signed_it_arrives_whatever_the_signature_holds(kind: str) -> None:
    """Signatures with +, / and = survive the way: many moments, so that all of them occur."""
    for moment in range(40):
        stamp = 1_790_000_000.0 + moment * 977
        with robot(kind, secret="SEC+/密钥=", clock=lambda stamp=stamp: stamp) as vendor:
            Robot(told_by(vendor), clock=lambda stamp=stamp: stamp).send(HELLO)
        assert vendor.texts == [HELLO.text]


@pytest.mark.parametrize("kind", SIGNED)
@pytest.mark.parametrize("secret", ["wrong", ""])
def test_a_wrong_or_missing_signature_is_told_as_such(kind: str, secret: str) -> None:
    """The vendor answers HTTP 200; the message is not delivered, and we know."""
    with robot(kind, secret="right") as vendor, pytest.raises(Refused) as caught:
        Robot(told_by(vendor, secret=secret)).send(HELLO)
    assert vendor.texts == []
    if secret:
        assert "signature" in str(caught.value)


@pytest.mark.parametrize("kind", SIGNED)
def test_a_clock_that_is_off_is_told_as_such(kind: str) -> None:
    with robot(kind, secret="right") as vendor, pytest.raises(Refused, match="clock"):
        Robot(told_by(vendor), clock=lambda: time.time() - 3 * 3600).send(HELLO)
    assert vendor.texts == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_is_too_long_is_cut_between_characters(kind: str) -> None:
    """Bytes count, not characters."""
    long = Message("syncd", "会议冲突🔑" * 2000)
    with robot(kind) as vendor:
        Robot(told_by(vendor)).send(long)
    (text,) = vendor.texts
    assert len(text.encode()) <= LONGEST
    assert len(text.encode()) > LONGEST - 8
    assert text.endswith("…")
    assert long.text.startswith(text[:-1])


@pytest.mark.parametrize(("kind", "most"), [("wecom", 20), ("dingtalk", 20), ("feishu", 100)])
def test_too_many_messages_are_tried_later(kind: str, most: int) -> None:
    with robot(kind) as vendor:
        sender = Robot(told_by(vendor))
        for _ in range(most):
            sender.send(HELLO)
        with pytest.raises(Throttled) as caught:
            sender.send(HELLO)
    assert caught.value.wait >= 60
    assert len(vendor.texts) == most


@pytest.mark.parametrize("kind", KINDS)
def test_a_removed_robot_is_told_without_its_token(kind: str) -> None:
    """Invariant 11: the error has the code and a remedy, neither URL nor token."""
    with robot(kind) as vendor:
        settings = told_by(vendor)
        gone = vendor.url.replace(TOKEN, "another-token-4711")
        settings = replace(settings, url=Secret(gone))
        with pytest.raises(Refused, match="not known") as caught:
            Robot(settings).send(HELLO)
    assert "4711" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("kind", SIGNED)
def test_a_keyword_that_is_missing_is_told_as_such(kind: str) -> None:
    with robot(kind, keyword="监控报警") as vendor, pytest.raises(Refused, match="keyword"):
        Robot(told_by(vendor)).send(HELLO)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "body", "kind_of_error"),
    [
        (200, b"", Refused),
        (200, b"<html>sign in to the hotel</html>", Refused),
        (200, b"[0]", Refused),
        (200, b'{"errcode": "0", "code": "0"}', Refused),
        (200, b'{"errcode": true, "code": false}', Refused),
        (200, b"[" * 60_000, Refused),
        (404, b"{}", Refused),
        (500, b'{"errcode": 0, "code": 0}', SendError),
        (502, b"", InDoubt),
        (429, b"", Throttled),
    ],
)
def test_nothing_but_the_code_0_is_success(
    kind: str, status: int, body: bytes, kind_of_error: type[SendError]
) -> None:
    with (
        robot(kind, answer=lambda: (status, body, {})) as vendor,
        pytest.raises(SendError) as caught,
    ):
        Robot(told_by(vendor)).send(HELLO)
    assert type(caught.value) is kind_of_error


@pytest.mark.parametrize(
    ("words", "kind_of_error"),
    [("Bad Request", Refused), ("too many request", Throttled), ("frequency limited", Throttled)],
)
def test_feishu_says_two_things_with_one_code(words: str, kind_of_error: type[SendError]) -> None:
    body = json.dumps({"code": 9499, "msg": words}).encode()
    with (
        robot("feishu", answer=lambda: (200, body, {})) as vendor,
        pytest.raises(kind_of_error),
    ):
        Robot(told_by(vendor)).send(HELLO)


def test_the_old_form_of_feishus_answer_counts() -> None:
    body = b'{"StatusCode": 0, "StatusMessage": "success", "Extra": null}'
    with robot("feishu", answer=lambda: (200, body, {})) as vendor:
        assert Robot(told_by(vendor)).send(HELLO) == "0 success"


def test_redirects_are_not_followed() -> None:
    """Neither to another host, which would be given the message, nor anywhere else."""
    with robot("wecom") as other:
        away = {"Location": other.url}
        with (
            robot("wecom", answer=lambda: (307, b"", away)) as vendor,
            pytest.raises(Refused, match="redirect"),
        ):
            Robot(told_by(vendor)).send(HELLO)
    assert other.requests == 0


def test_an_answer_without_end_is_not_read() -> None:
    with (
        robot("wecom", answer=lambda: (200, b" " * 5_000_000, {})) as vendor,
        pytest.raises(SendError, match="too long"),
    ):
        Robot(told_by(vendor)).send(HELLO)


def test_a_server_that_is_not_there_got_nothing() -> None:
    """Certainly not delivered; an answer that does not come leaves a doubt."""
    with robot("wecom") as vendor:
        settings = told_by(vendor)
    with pytest.raises(SendError) as caught:
        Robot(settings).send(HELLO)
    assert type(caught.value) is SendError
    assert TOKEN not in str(caught.value)


def test_an_answer_that_does_not_come_leaves_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.notify.posting.TIMEOUT", (5.0, 0.2))
    release = threading.Event()
    with robot("wecom", before=lambda: bool(release.wait(30))) as vendor:
        with pytest.raises(InDoubt) as caught:
            Robot(told_by(vendor)).send(HELLO)
        release.set()
    assert TOKEN not in str(caught.value)


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    """TLS is verified: the message does not leave."""
    context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with robot("wecom", context=context) as vendor, pytest.raises(SendError) as caught:
        Robot(told_by(vendor)).send(HELLO)
    assert vendor.requests == 0
    assert not isinstance(caught.value, InDoubt)
