"""``syncd auth``: the connector leads through the sign-in; nothing secret is shown or left open."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.cli.conftest import Call
from tests.office import Office
from tests.servers import free_port

PLUGIN = """
from dataclasses import replace
from pathlib import Path
from connectors.caldav import plugin as caldav
from syncd.errors import Unauthorized

TOKEN = "ya29.streng-geheim"

class Consent:
    secrets = caldav.manifest.secrets | {"client"}
    manifest = replace(caldav.manifest, name="consent", secrets=secrets)

    def connect(self, system, collection):
        return caldav.connect(system, collection)

    def sign_in(self, system, say, ask, *, browser):
        say("open https://example.com/consent?client=" + str(system.options["client"])[:4])
        say(f"a browser can be opened: {browser}, somebody can type: {ask is not None}")
        if system.options.get("username") == "refused":
            raise Unauthorized("the person said no")
        (Path(system.tokens) / f"{system.name}.json").write_text(TOKEN)
        return "王芳 <wang.fang@example.com>"

plugin = Consent()
"""


@pytest.fixture
def consenting(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Alice's calendar is of a connector to which a person signs in."""
    place = tmp_path / "installed"
    info = place / "consent-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "consent_connector.py").write_text(PLUGIN, "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: consent\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[syncd.connectors]\nconsent = consent_connector:plugin\n"
    )
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), str(ROOT)]))
    (tmp_path / "client.json").write_text('{"secret": "GOCSPX-gehört-niemandem"}', "utf-8")
    (tmp_path / "client.json").chmod(0o600)
    new = 'connector = "consent"\nclient = { file = "client.json" }'
    bent(office, 'connector = "caldav"', new)
    return office


def bent(office: Office, old: str, new: str) -> None:
    """Edit the configuration."""
    text = office.config.read_text("utf-8")
    assert old in text
    office.config.write_text(text.replace(old, new), "utf-8")


def test_it_signs_in_and_keeps_the_token_to_itself(consenting: Office, call: Call) -> None:
    """Invariant 11: the token is in a folder beside the state that nobody else can read."""
    answer = call("auth", "alice-dav", "--no-browser")
    assert answer.code == 0
    assert "open https://example.com/consent" in answer.out
    assert "a browser can be opened: False, somebody can type: False" in answer.out
    assert "signed in to alice-dav as 王芳 <wang.fang@example.com>" in answer.out
    folder = consenting.folder / "tokens"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "alice-dav.json").read_text("utf-8") == "ya29.streng-geheim"
    assert "ya29" not in answer.out + answer.err
    assert "GOCSPX-" not in answer.out + answer.err


def test_for_a_program_the_output_is_json_alone(consenting: Office, call: Call) -> None:
    answer = call("auth", "alice-dav", "--json")
    assert answer.json == {"system": "alice-dav", "account": "王芳 <wang.fang@example.com>"}
    assert "open https://" in answer.err


def test_a_browser_needs_a_screen(
    consenting: Office, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    assert "a browser can be opened: True" in call("auth", "alice-dav").out
    assert "a browser can be opened: False" in call("auth", "alice-dav", "--no-browser").out
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "a browser can be opened: False" in call("auth", "alice-dav").out


def test_whoever_says_no(consenting: Office, call: Call) -> None:
    bent(consenting, "client = {", 'username = "refused"\nclient = {')
    bent(consenting, 'username = "alice"\n', "")
    answer = call("auth", "alice-dav")
    assert answer.code == 1
    assert "the person said no" in answer.err


def test_a_connector_without_a_sign_in(office: Office, call: Call) -> None:
    for system, connector in (("crm", "sql"), ("alice-dav", "caldav")):
        answer = call("auth", system)
        assert answer.code == 2
        assert f'"{system}"' in answer.err
        assert f'"{connector}"' in answer.err
    assert not (office.folder / "tokens").exists()


def test_an_unknown_system(office: Office, call: Call) -> None:
    answer = call("auth", "alice-dev")
    assert answer.code == 2
    assert 'there is no system "alice-dev" (did you mean "alice-dav"?)' in answer.err


def test_a_folder_of_ones_own_choice(consenting: Office, call: Call) -> None:
    bent(consenting, "[people]", 'tokens = "secrets/anmeldungen"\n[people]')
    assert call("auth", "alice-dav").code == 0
    assert (consenting.folder / "secrets" / "anmeldungen" / "alice-dav.json").is_file()
    assert not (consenting.folder / "tokens").exists()


def test_a_folder_that_cannot_be_made(consenting: Office, call: Call) -> None:
    (consenting.folder / "tokens").write_text("a file")
    answer = call("auth", "alice-dav")
    assert answer.code == 2
    assert "tokens: the folder cannot be made" in answer.err
    assert "tokens in [daemon]" in answer.err


def test_with_a_state_on_a_server_it_is_beside_the_configuration(
    consenting: Office, call: Call
) -> None:
    """The sign-in itself needs that server, since the installation's name is there: it is away."""
    port = free_port()
    bent(consenting, '"sqlite:///state.db"', f'"postgresql://u@127.0.0.1:{port}/syncd"')
    assert call("auth", "alice-dav").code == 1
    assert (consenting.folder / "tokens").is_dir()
