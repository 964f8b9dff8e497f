"""``[[notify]]``: what is right, and what an administrator reads if it is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.config import Language, Service, Settings, Topic, load
from syncd.config import notify as reading
from syncd.errors import ConfigError
from syncd.plugins import Plugins

AROUND = """\
[systems]
crm = { connector = "sql", url = "sqlite:///crm.db", mapping = "visits" }
old = { connector = "sql", url = "sqlite:///old.db", mapping = "visits" }
[[bridges]]
name = "sales"
[[bridges.channels]]
system = "crm"
[[bridges.channels]]
system = "old"
[[notify]]
"""
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=geheim-1"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=geheim-2"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/geheim-3"
MAIL = "mailtos://syncd:geheim-4@mail.example.com?to=ops@example.com"


def _load(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "syncd.toml").write_text(AROUND + text, "utf-8")
    return load(folder / "syncd.toml", Plugins(), environ)


def _complaint(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text, **environ)
    return str(caught.value).replace(f"{folder}/", "")


def test_everything_is_read(tmp_path: Path) -> None:
    text = """\
service = "dingtalk"
name = "值班"
url = { env = "URL" }
secret = { env = "SIGN" }
language = "zh"
topics = ["holds", "sign-in"]
recovered = false
silent_after = "4h"
[[notify]]
service = "apprise"
url = { env = "MAIL" }
"""
    settings = _load(tmp_path, text, URL=DINGTALK, SIGN="SEC-geheim", MAIL=MAIL)
    first, second = settings.notify
    assert (first.name, first.service, first.language) == ("值班", Service.DINGTALK, Language.ZH)
    assert first.topics == {Topic.HOLDS, Topic.SIGN_IN}
    assert (first.recovered, first.silent_after) == (False, timedelta(hours=4))
    assert (second.name, second.topics) == ("apprise", frozenset(Topic))
    assert (second.recovered, second.silent_after) == (True, timedelta(hours=1))
    assert {DINGTALK, "SEC-geheim", MAIL} <= {each.reveal() for each in settings.secrets}
    assert "geheim" not in repr(settings)
    assert settings.warnings == ()


def test_nobody_need_be_told(tmp_path: Path) -> None:
    assert _load(tmp_path, 'service = "wecom"\nurl = { env = "U" }', U=WECOM).notify
    (tmp_path / "syncd.toml").write_text(AROUND.replace("[[notify]]\n", ""), "utf-8")
    assert load(tmp_path / "syncd.toml", Plugins(), {}).notify == ()


def test_the_url_of_larks_robot_is_one_of_feishus(tmp_path: Path) -> None:
    url = FEISHU.replace("open.feishu.cn", "open.larksuite.com")
    assert _load(tmp_path, 'service = "feishu"\nurl = { env = "U" }', U=url).notify


def test_a_url_in_the_configuration_works_with_a_warning(tmp_path: Path) -> None:
    settings = _load(tmp_path, f'service = "wecom"\nurl = "{WECOM}"')
    (warning,) = settings.warnings
    assert "syncd.toml:12: notify.url: is written into the configuration" in warning
    assert "geheim" not in warning


WRONG = [
    ("wecom", "http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=geheim", "must be https"),
    ("wecom", DINGTALK, "is not that of a wecom robot"),
    ("dingtalk", WECOM, "is not that of a dingtalk robot"),
    ("feishu", WECOM, "is not that of a feishu robot"),
    ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/", "is not that of a feishu robot"),
    ("wecom", "geheim", "is not a web address"),
    ("wecom", "https://[geheim", "is not a URL"),
    ("apprise", "geheim", "is not a URL of Apprise"),
    ("apprise", "wecombot://geheim", 'service = "wecom"'),
    ("apprise", "dingtalk://geheim@geheim", 'service = "dingtalk"'),
    ("apprise", "feishu://geheim", 'service = "feishu"'),
    ("apprise", "lark://geheim", 'service = "feishu"'),
]


@pytest.mark.parametrize(("service", "url", "says"), WRONG)
def test_a_wrong_url_is_told_but_not_repeated(
    tmp_path: Path, service: str, url: str, says: str
) -> None:
    """Invariant 11: with file, line and remedy, without the URL."""
    said = _complaint(tmp_path, f'service = "{service}"\nurl = {{ env = "U" }}', U=url)
    assert said.startswith("syncd.toml:12: notify.url: ")
    assert says in said
    assert "geheim" not in said


def test_loopback_may_do_without_https(tmp_path: Path) -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:99"):
        url = WECOM.replace("https://qyapi.weixin.qq.com", f"http://{host}")
        assert _load(tmp_path, 'service = "wecom"\nurl = { env = "U" }', U=url).notify


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('url = { env = "U" }', 'syncd.toml:10: notify.service: is missing (service = "wecom")'),
        ('service = "wecom"', "notify.url: is missing"),
        ('service = "wecomm"\nurl = { env = "U" }', 'did you mean "wecom"?'),
        ('service = "wecom"\nurl = { env = "U" }\ntopics = ["hold"]', 'did you mean "holds"?'),
        ('service = "wecom"\nurl = { env = "U" }\ntopics = []', "notify.topics: must not be empty"),
        ('service = "wecom"\nurl = { env = "U" }\nlanguage = "de"', "one of en, zh"),
        ('service = "wecom"\nurl = { env = "U" }\nsilent_after = "1"', "is not a duration"),
        ('service = "wecom"\nurl = { env = "V" }', "the environment variable V is not set"),
        ('service = "wecom"\nurl = { env = "U" }\nsecret = { env = "U" }', "is not signed"),
        (
            'service = "wecom"\nurl = { env = "U" }\n[[notify]]\n' * 2
            + 'service = "wecom"\nname = "x"\nurl = { env = "U" }',
            'the name "wecom" already stands in line 10 (give it another: name = "…")',
        ),
        (
            "\n[[notify]]\n".join(
                f'service = "wecom"\nname = "n{n}"\nurl = "x"' for n in range(17)
            ),
            "at most 16",
        ),
    ],
)
def test_what_is_said(tmp_path: Path, text: str, says: str) -> None:
    assert says in _complaint(tmp_path, text, U=WECOM)


def test_a_missing_library_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: dict[str, Any] = {"niquests": SimpleNamespace()}
    monkeypatch.setattr(reading, "find_spec", there.get)
    said = _complaint(tmp_path, 'service = "apprise"\nurl = { env = "U" }', U=MAIL)
    assert 'notify.service: "apprise" needs another package (apprise)' in said
    assert 'pip install "syncd[notify]"' in said
    assert _load(tmp_path, 'service = "wecom"\nurl = { env = "U" }', U=WECOM).notify
