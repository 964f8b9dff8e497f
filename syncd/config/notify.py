"""``[[notify]]``: URLs and secrets resolved and hidden, judged before anything is sent.

Messages never repeat a URL: whoever has a robot's can write into its group (invariant 11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from syncd.config.places import is_loopback
from syncd.config.schema import NotifyTable
from syncd.config.settings import NotifySettings, Service
from syncd.errors import ConfigError
from syncd.problems import Problems
from syncd.secrets import Secret, resolve
from syncd.tomlfile import KeyPath, TomlFile

SIGNED = frozenset({Service.DINGTALK, Service.FEISHU})
"""Robots whose messages can be signed."""

EXAMPLES = {
    Service.WECOM: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
    Service.DINGTALK: "https://oapi.dingtalk.com/robot/send?access_token=…",
    Service.FEISHU: "https://open.feishu.cn/open-apis/bot/v2/hook/…",
    Service.APPRISE: "mailtos://user:password@example.com",
}

_OWN = {
    "wecombot": Service.WECOM,
    "dingtalk": Service.DINGTALK,
    "feishu": Service.FEISHU,
    "lark": Service.FEISHU,
}
"""Apprise's schemes of robots whose refusals it takes for success (Apprise 2.2)."""

_LIBRARIES = {Service.APPRISE: "apprise"}
_HTTP = "niquests"


def read_notify(
    tables: Sequence[NotifyTable],
    source: TomlFile,
    folder: Path,
    environ: Mapping[str, str],
    problems: Problems,
) -> tuple[NotifySettings, ...]:
    """Those who are told, in the order of the file; what is wrong goes to ``problems``."""
    found: list[NotifySettings] = []
    lines: dict[str, int] = {}
    for index, table in enumerate(tables):
        at: KeyPath = ("notify", index)
        name = table.name or table.service.value
        if name in lines:
            message = f'the name "{name}" already stands in line {lines[name]}'
            problems.error(source, at, message, 'give it another: name = "…"')
        lines.setdefault(name, source.line(at))
        reader = _Reader(source, at, folder, environ, problems)
        url, secret = reader.secret("url", table.url), reader.signature(table)
        reader.check_library(table.service)
        if url is not None and reader.is_right(table.service, url.reveal()):
            found.append(_settings(table, name, url, secret))
    return tuple(found)


class _Reader:
    """Judges the keys of one ``[[notify]]``."""

    def __init__(
        self,
        source: TomlFile,
        at: KeyPath,
        folder: Path,
        environ: Mapping[str, str],
        problems: Problems,
    ) -> None:
        self._source, self._at = source, at
        self._folder, self._environ, self._problems = folder, environ, problems

    def secret(self, key: str, value: object) -> Secret | None:
        try:
            found = resolve(value, self._folder, self._environ)
        except ConfigError as error:
            self._error(key, error.message, error.hint)
            return None
        if isinstance(value, str):
            warning = 'is written into the configuration; { env = "…" } keeps it out'
            self._problems.warn(self._source, (*self._at, key), warning)
        elif found.warning:
            self._problems.warn(self._source, (*self._at, key), found.warning)
        return found.secret

    def signature(self, table: NotifyTable) -> Secret | None:
        if table.secret is None:
            return None
        if table.service not in SIGNED:
            self._error("secret", f"a {table.service} message is not signed", "take it out")
            return None
        return self.secret("secret", table.secret)

    def check_library(self, service: Service) -> None:
        library = _LIBRARIES.get(service, _HTTP)
        if find_spec(library) is None:
            message = f'"{service}" needs another package ({library})'
            self._error("service", message, 'pip install "syncd[notify]"')

    def is_right(self, service: Service, url: str) -> bool:
        """Whether the URL can be one of the service; if not, that has been said."""
        fault = _fault(service, url)
        if fault is not None:
            self._error("url", *fault)
        return fault is None

    def _error(self, key: str, message: str, hint: str = "") -> None:
        self._problems.error(self._source, (*self._at, key), message, hint)


def _fault(service: Service, url: str) -> tuple[str, str] | None:
    """Why this can be no URL of the service, and a hint."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a URL", EXAMPLES[service]
    if service is Service.APPRISE:
        return _apprise_fault(url, parts.scheme)
    if parts.scheme not in ("http", "https") or not host:
        return "is not a web address", EXAMPLES[service]
    if parts.scheme == "http" and not is_loopback(host):
        return "must be https: else anybody on the way can read it", EXAMPLES[service]
    if not _has_token(service, parts):
        return f"is not that of a {service} robot", EXAMPLES[service]
    return None


def _apprise_fault(url: str, scheme: str) -> tuple[str, str] | None:
    if not scheme or "://" not in url:
        return "is not a URL of Apprise", EXAMPLES[Service.APPRISE]
    if scheme in _OWN:
        hint = f'service = "{_OWN[scheme]}", with the robot\'s own URL'
        return f'Apprise takes refusals of "{scheme}" for success', hint
    return None


def _has_token(service: Service, parts: SplitResult) -> bool:
    """Whether the part that names the robot is there."""
    if service is Service.FEISHU:
        before, _, token = parts.path.rpartition("/")
        return bool(token) and before.endswith("/hook")
    return bool(parse_qs(parts.query).get("key" if service is Service.WECOM else "access_token"))


def _settings(table: NotifyTable, name: str, url: Secret, secret: Secret | None) -> NotifySettings:
    return NotifySettings(
        name=name,
        service=table.service,
        url=url,
        secret=secret,
        language=table.language,
        topics=frozenset(table.topics),
        recovered=table.recovered,
        silent_after=table.silent_after,
    )
