"""``[daemon.webhooks]``, and secrets that are files of keys."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
import structlog

from syncd import log
from syncd.config import LogFormat, Settings, load
from syncd.connector import Manifest
from syncd.secrets import Secret
from syncd.values import Address
from tests.config.conftest import ENVIRON, MANIFESTS

HERE = "[people]"
WHOLE = """[daemon.webhooks]
url = "https://syncd.example.com/hooks/"
"""
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n"
    "-----END PRIVATE KEY-----\n"
)
GOOGLE = {
    "type": "service_account",
    "private_key_id": "0123456789abcdef0123456789abcdef01234567",
    "private_key": KEY,
    "token_uri": "https://oauth2.googleapis.com/token",
}


def test_webhooks(folder: Any) -> None:
    folder.bend("syncd.toml", HERE, WHOLE + HERE)
    webhooks = folder.load().daemon.webhooks
    assert webhooks.url == "https://syncd.example.com/hooks/"
    assert webhooks.listen == Address("127.0.0.1", 9465)
    assert webhooks.poll_interval == timedelta(minutes=10)
    assert webhooks.spacing == timedelta(seconds=1)


def test_without_them_everything_is_polled(folder: Any) -> None:
    assert folder.load().daemon.webhooks is None


def test_the_safety_net_is_never_finer_than_the_polls(folder: Any) -> None:
    """An hourly poll is not made more frequent by being told."""
    folder.bend("syncd.toml", HERE, WHOLE + HERE)
    folder.bend("syncd.toml", "[daemon]", '[daemon]\npoll_interval = "1h"')
    assert folder.load().daemon.webhooks.poll_interval == timedelta(hours=1)


@pytest.mark.parametrize(
    "url", ["https://例子.cn/hooks/", "https://a/hooks?x=1", "https://a/#x", "https://u:p@a/"]
)
def test_an_address_that_is_more_than_an_address(folder: Any, url: str) -> None:
    folder.bend("syncd.toml", HERE, WHOLE.replace("https://syncd.example.com/hooks/", url) + HERE)
    told = folder.complaint()
    assert told.startswith("syncd.toml:7: daemon.webhooks.url: must be an address alone")
    assert "u:p" not in told


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('url = "http://syncd.example.com/"', "url: must be https: vendors tell nothing to other"),
        ('url = "syncd.example.com"', "url: must be an address alone"),
        ('url = "https://[::1/"', "url: is not a URL"),
        ('url = "https://a:99999/"', "url: is not a URL"),
        ("", 'url: is missing (url = "https://syncd.example.com/hooks/")'),
        ('url = "https://a/"\nlisten = "off"', "listen: must be a place to listen"),
        ('url = "https://a/"\nlisten = "127.0.0.1:8480"', "listen: is where the health pages"),
        ('url = "https://a/"\npoll_interval = "30s"', "poll_interval: is shorter than that of"),
        ('url = "https://a/"\nspacing = "0s"', "spacing: must be at least 1s"),
        ('url = "https://a/"\nsecret = "x"', "secret: "),
    ],
)
def test_what_is_wrong_is_said(folder: Any, line: str, says: str) -> None:
    folder.bend("syncd.toml", HERE, f"[daemon.webhooks]\n{line}\n{HERE}")
    assert says in folder.complaint()


def test_a_trial_on_one_machine_needs_no_certificate(folder: Any) -> None:
    for url in ("http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]:1/x"):
        text = WHOLE.replace("https://syncd.example.com/hooks/", url)
        folder.bend("syncd.toml", HERE, text + HERE)
        assert folder.load().daemon.webhooks.url == f"{url}/"
        folder.bend("syncd.toml", text, "")


def test_tokens_are_beside_the_state(folder: Any) -> None:
    """A state on a server: beside the configuration; or where the configuration says."""
    assert folder.load().system("cloud", "i").tokens == str(folder.path / "tokens")
    folder.bend("syncd.toml", "sqlite:///state.db", "sqlite:////var/lib/syncd/state.db")
    assert folder.load().system("cloud", "i").tokens == "/var/lib/syncd/tokens"
    folder.bend("syncd.toml", '"sqlite:////var/lib/syncd/state.db"', '{ env = "STATE" }')
    assert folder.load(ENVIRON).system("cloud", "i").tokens == str(folder.path / "tokens")
    folder.bend("syncd.toml", "[people]", 'tokens = "/srv/tokens"\n[people]')
    assert folder.load(ENVIRON).system("cloud", "i").tokens == "/srv/tokens"


def keyed() -> Manifest:
    """Of a system that is signed in to by one of several files of keys, or by a person."""
    return Manifest(
        "keyed",
        "calendar",
        cursors=True,
        versions=True,
        recurrence=True,
        options={"account": "whose", "tenant": "where"},
        secrets=frozenset({"service_account", "client_secret", "certificate"}),
    )


def loaded(folder: Any) -> Settings:
    """With a connector for such a system."""
    environ = ENVIRON | {"M365_SECRET": "密~Q8"}
    return load(folder.path / "syncd.toml", MANIFESTS | {"keyed": keyed()}, environ)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('service_account = { file = "google.json" }', "service_account", json.dumps(GOOGLE)),
        ('certificate = { file = "m365.pem" }', "certificate", KEY.removesuffix("\n")),
        ('client_secret = { env = "M365_SECRET" }', "client_secret", "密~Q8"),
        ('account = "me@example.com"', "account", "me@example.com"),
    ],
)
def test_which_of_several_keys_there_is(folder: Any, line: str, key: str, value: str) -> None:
    """Each is enough by itself; what is needed the connector says."""
    for name, text in (("google.json", json.dumps(GOOGLE)), ("m365.pem", KEY)):
        (folder.path / name).write_text(text, "utf-8")
        (folder.path / name).chmod(0o600)
    bent = f'[systems.keyed]\nconnector = "keyed"\n{line}\n[[bridges]]'
    folder.bend("syncd.toml", "[[bridges]]", bent)
    settings = loaded(folder)
    options = settings.system("keyed", "i").options
    assert options == {key: value}
    assert value not in repr(settings)
    assert [each for each in settings.warnings if "may read" in each] == []


def test_a_file_of_keys_that_others_may_read_is_said(folder: Any) -> None:
    (folder.path / "google.json").write_text("{}")
    (folder.path / "google.json").chmod(0o640)
    line = 'service_account = { file = "google.json" }'
    bent = f'[systems.keyed]\nconnector = "keyed"\n{line}\n[[bridges]]'
    folder.bend("syncd.toml", "[[bridges]]", bent)
    warnings = "\n".join(loaded(folder).warnings)
    assert "google.json" in warnings
    assert "0640" in warnings


@pytest.mark.parametrize("form", [KEY, json.dumps(GOOGLE), json.dumps(GOOGLE, indent=2)])
def test_no_piece_of_a_key_is_logged(form: str) -> None:
    """Invariant 11: an error quotes a line of the file; addresses in it may be named."""
    stream = io.StringIO()
    log.configure(LogFormat.JSON, secrets=[Secret(form)], stream=stream)
    lines = KEY.split("\n")
    for each in (
        lines[1],
        lines[2],
        KEY,
        json.dumps(KEY),
        form,
        "https://oauth2.googleapis.com/token",
    ):
        structlog.get_logger("syncd.test").warning("x", reason=f"bad: {each}")
    shown = stream.getvalue()
    assert lines[1] not in shown
    assert lines[2] not in shown
    assert GOOGLE["private_key_id"] not in shown
    assert "https://oauth2.googleapis.com/token" in shown
