"""Signing in: an application's secret or certificate, a person's consent; and what stays secret."""

from __future__ import annotations

import datetime as dt
import os
import stat
from functools import partial
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from connectors.microsoft365 import plugin
from connectors.microsoft365.fake import Answered, FakeGraph, Request
from syncd.connector import Collection, System
from syncd.errors import ConfigError, ConnectorError, Unauthorized, Unavailable
from tests.conformance.world import identity, look, make, visit
from tests.microsoft365.connecting import connect, system_of


def _certificate() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "syncd")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode()


def test_a_secret_signs_in_once(graph: FakeGraph) -> None:
    """All connectors of an account share one token, and renew it once Graph does not take it."""
    connectors = [connect(graph) for _ in range(3)]
    for connector in connectors:
        look(connector)
    assert graph.login.asked == 1
    graph.login.expire()
    for connector in connectors:
        make(connector, visit())
    assert graph.login.asked == 2


def test_a_token_that_dies_in_a_batch_is_renewed(graph: FakeGraph) -> None:
    connector = connect(graph)
    keys = [make(connector, visit(number)).key for number in range(3)]
    graph.login.expire()
    assert len(connector.fetch(keys).copies) == 3


def test_a_certificate_signs_in(graph: FakeGraph) -> None:
    connector = connect(graph, client_secret=None, certificate=_certificate())
    look(connector)
    assert graph.login.certificates == 1


def test_a_certificate_without_its_key_is_a_fault_of_the_configuration(graph: FakeGraph) -> None:
    text = _certificate()
    alone = text[text.index("-----BEGIN CERTIFICATE") :]
    with pytest.raises(ConfigError, match="private key"):
        look(connect(graph, client_secret=None, certificate=alone))


def test_environment_bundles_do_not_hide_the_company_s_authority(
    graph: FakeGraph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``REQUESTS_CA_BUNDLE`` would win over ``verify`` in msal's own session."""
    import certifi

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, certifi.where())
    own = tmp_path / "own.pem"
    own.write_text(Path(graph.ca_file).read_text("utf-8"), "utf-8")
    look(connect(graph, ca_file=str(own)))


def test_a_wrong_secret_is_refused_with_its_code(graph: FakeGraph) -> None:
    with pytest.raises(Unauthorized, match="AADSTS7000215"):
        look(connect(graph, client_secret="falsch-99"))


def test_an_unknown_tenant_is_refused(graph: FakeGraph) -> None:
    with pytest.raises(Unauthorized):
        look(connect(graph, tenant="nobody.example"))


def test_a_sign_in_that_is_away_is_unavailable(graph: FakeGraph) -> None:
    with pytest.raises(Unavailable, match="sign-in"):
        look(connect(graph, authority="https://localhost:1"))


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    return str(tmp_path / "tokens")


def _person(graph: FakeGraph, tokens: str) -> System:
    graph.service.me = graph.login.account
    return system_of(graph, tokens=tokens, client_secret=None)


def test_a_person_consents_by_a_code(graph: FakeGraph, tokens: str) -> None:
    said: list[str] = []
    system = _person(graph, tokens)
    with pytest.raises(Unauthorized, match="syncd auth m365"):
        look(plugin.connect(system, Collection()))
    assert plugin.sign_in(system, said.append, None, browser=False) == graph.login.account
    assert "ABCD-1234" in said[0]
    connector = plugin.connect(system, Collection())
    copy = make(connector, visit())
    assert copy.reads.title == visit().title
    (file,) = Path(tokens).iterdir()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tokens).st_mode) == 0o700


def test_a_consent_is_renewed_and_kept(graph: FakeGraph, tokens: str) -> None:
    system = _person(graph, tokens)
    plugin.sign_in(system, lambda line: None, None, browser=False)
    connector = plugin.connect(system, Collection())
    look(connector)
    (file,) = Path(tokens).iterdir()
    before = file.read_text("utf-8")
    graph.login.expire()
    look(connector)
    assert file.read_text("utf-8") != before
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


def test_a_consent_that_was_withdrawn_asks_for_another(graph: FakeGraph, tokens: str) -> None:
    """A new consent beside the running daemon is taken up."""
    system = _person(graph, tokens)
    plugin.sign_in(system, lambda line: None, None, browser=False)
    connector = plugin.connect(system, Collection())
    graph.login.expire()
    graph.login.refuses = "invalid_grant"
    with pytest.raises(Unauthorized):
        look(connector)
    graph.login.refuses = ""
    plugin.sign_in(system, lambda line: None, None, browser=False)
    look(connector)


def test_an_application_needs_nobody_s_consent(graph: FakeGraph) -> None:
    with pytest.raises(ConfigError, match="client_secret"):
        plugin.sign_in(system_of(graph), lambda line: None, None, browser=False)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"endpoint": "http://graph.example/v1.0/"}, "endpoint"),
        ({"authority": "http://login.example"}, "authority"),
        ({"certificate": "x"}, "certificate"),
        ({"tenant": "a/b"}, "tenant"),
        ({"ca_file": "nowhere.pem"}, "ca_file"),
        ({"timeout": "soon"}, "timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_options_are_named(graph: FakeGraph, wrong: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        connect(graph, **wrong)
    assert error.value.key == f"systems.m365.{key}"
    assert graph.login.secret not in str(error.value)


def test_scopes_follow_the_cloud() -> None:
    """世纪互联's Graph asks for tokens of its own host, and its authority for no other's word."""
    options = {
        "tenant": "contoso.partner.onmschina.cn",
        "client_id": "c",
        "client_secret": "s",
        "endpoint": "https://microsoftgraph.chinacloudapi.cn/v1.0",
        "authority": "https://login.chinacloudapi.cn",
    }
    system = System("cn", "microsoft365", "calendar", "i", options=options)
    account = plugin._account(system)
    assert account.credentials.scopes == ["https://microsoftgraph.chinacloudapi.cn/.default"]
    assert account.endpoint == "https://microsoftgraph.chinacloudapi.cn/v1.0/"


def _always(answer: Answered, request: Request) -> Answered:
    return answer


def test_nothing_secret_is_ever_shown(
    graph: FakeGraph, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11: no secret, token, title or address of a person in errors, ``repr`` or logs."""
    caplog.set_level(0)
    connector = connect(graph)
    copy = make(connector, visit(title="Geheimbesuch"))
    shown = [repr(connector), repr(connector._settings), repr(system_of(graph))]
    answers = [
        Answered(
            status, {"error": {"code": "ErrorX", "message": f"Geheimbesuch {graph.login.token}"}}
        )
        for status in (400, 401, 403, 404, 409, 410, 412, 413, 429, 500, 503)
    ]
    for answer in answers:
        answer.headers["Retry-After"] = "60"
        graph.faults.reply = partial(_always, answer)
        for verb in (
            lambda: look(connector),
            lambda: connector.create(identity(), visit(title="Geheimbesuch")),
            lambda: connector.update(copy, visit(1)),
            lambda: connector.delete(copy),
            connector.check,
        ):
            try:
                verb()
            except ConnectorError as error:
                shown += [str(error), repr(error), repr(error.__cause__)]
    structlog.get_logger("test").info("done")
    out = capsys.readouterr()
    shown += [out.out, out.err, caplog.text]
    secrets = (graph.login.secret, graph.login.token, "Geheimbesuch")
    assert not [text for text in shown for secret in secrets if secret in text]
