"""Invariant 11: a secret shows itself only to who asks by name."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.secrets import KEYRING_SERVICE, Secret, resolve


@settings(deadline=None)
@given(st.text(min_size=9))
def test_a_secret_is_not_shown(text: str) -> None:
    secret = Secret(text)
    forms = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>40}",
        "%s" % secret,  # noqa: UP031 -- one of the ways to show it
        f"{[secret]}",
    ]
    assert all("Secret(…)" in form for form in forms)
    assert secret.reveal() == text
    assert secret == Secret(text)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_sources(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("aus der Datei 🔑\n")
    (tmp_path / "token").chmod(0o600)
    for value, text in [
        ({"env": "TOKEN"}, "aus der Umgebung"),
        ({"file": "token"}, "aus der Datei 🔑"),
        ({"file": str(tmp_path / "token")}, "aus der Datei 🔑"),
    ]:
        found = resolve(value, tmp_path, {"TOKEN": "aus der Umgebung"})
        assert (found.secret.reveal(), found.warning) == (text, "")


@pytest.mark.parametrize("data", ["", "\n", "\r\n"])
def test_an_empty_file_is_no_secret(tmp_path: Path, data: str) -> None:
    (tmp_path / "token").write_text(data)
    with pytest.raises(ConfigError, match="is empty"):
        resolve({"file": "token"}, tmp_path, {})


@pytest.mark.parametrize("name", ["a\0b", ".", "no/such"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        resolve({"file": name}, tmp_path, {})


def test_a_credential_of_systemd(tmp_path: Path) -> None:
    """Its folder is the unit's, wherever the configuration is; systemd lets a group read it."""
    (tmp_path / "caldav").write_text("密码 🔑\n")
    (tmp_path / "caldav").chmod(0o440)
    found = resolve(
        {"credential": "caldav"}, Path("/nowhere"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert (found.secret.reveal(), found.warning) == ("密码 🔑", "")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("crm", r'the credential "crm" cannot be read: No such file or directory'),
        ("empty", r'the credential "empty" is empty'),
        ("../caldav", r'"\.\./caldav" is no credential\'s name .*LoadCredential='),
        ("/etc/passwd", r"is no credential's name"),
        (".", r"is no credential's name"),
        ("..", r"cannot be read: Is a directory"),
    ],
)
def test_a_credential_that_is_not_there(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match=says):
        resolve({"credential": name}, tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": ""}])
def test_credentials_outside_of_the_unit(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "caldav").write_text("not this one")
    with pytest.raises(ConfigError, match=r"CREDENTIALS_DIRECTORY is not set .*LoadCredential="):
        resolve({"credential": "caldav"}, tmp_path, environ)


class _KeyringError(Exception):
    pass


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring with what a test puts into it; ``locked`` does not open."""
    kept: dict[tuple[str, str], str] = {}

    def get_password(service: str, name: str) -> str | None:
        if name == "locked":
            raise _KeyringError("geheim")
        return kept.get((service, name))

    module: Any = ModuleType("keyring")
    errors: Any = ModuleType("keyring.errors")
    module.get_password, errors.KeyringError = get_password, _KeyringError
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return kept


def test_a_keyring(keyring: dict[tuple[str, str], str], tmp_path: Path) -> None:
    keyring[(KEYRING_SERVICE, "crm")] = "s3cret"
    assert resolve({"keyring": "crm"}, tmp_path, {}).secret.reveal() == "s3cret"
    with pytest.raises(ConfigError, match=r'has no "other" .*keyring set syncd other'):
        resolve({"keyring": "other"}, tmp_path, {})
    with pytest.raises(ConfigError) as caught:
        resolve({"keyring": "locked"}, tmp_path, {})
    assert "geheim" not in str(caught.value)


def test_without_the_keyring_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r'pip install "syncd\[keyring\]"'):
        resolve({"keyring": "crm"}, tmp_path, {})
