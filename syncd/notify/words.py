"""Messages in English and Chinese: what is wrong, how much of it, and what to do.

They name systems, bridges and channels, and count. Of an address in a channel's name only the
part before the @ is shown (invariant 11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from syncd.config import Language, Topic
from syncd.core.zones import zone_info
from syncd.notify.alerts import Alert, Entry

MOST_LINES = 8
"""Lines of one message; a robot takes about 2,000 bytes."""

LONGEST_LINE = 220

_ADDRESS = re.compile(r"(?<=\w)@[^\s:;,]+")


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    title: str
    body: str

    @property
    def text(self) -> str:
        """For services that know no title."""
        return f"{self.title}\n{self.body}"


@dataclass(frozen=True, slots=True)
class Words:
    """How a language says one topic. ``lines``: by stage; ``remedy``: what to do; ``source``:
    where it was done and since when."""

    title: str
    over: str
    lines: Mapping[str, str]
    remedy: str
    source: str = ""


def alarm(alert: Alert, language: Language, installation: str, zone: str) -> Message:
    """Something is wrong. Times are shown in ``zone``."""
    words = _WORDS[language][alert.topic]
    lines: list[str] = []
    for entry in alert.entries[:MOST_LINES]:
        lines.append(_line(words.lines[entry.stage], entry, zone))
        if entry.source:
            lines.append(f"  {_line(words.source, entry, zone)}")
    if len(alert.entries) > MOST_LINES:
        lines.append(_MORE[language].format(count=len(alert.entries) - MOST_LINES))
    return Message(_title(installation, words.title), "\n".join([*lines, words.remedy]))


def all_clear(topic: Topic, language: Language, installation: str) -> Message:
    """The topic is over."""
    return Message(_title(installation, _WORDS[language][topic].over), _ALL_CLEAR[language])


def trial(language: Language, installation: str) -> Message:
    """What ``syncd check --notify`` sends."""
    title, body = _TRIAL[language]
    return Message(_title(installation, title), body)


def _title(installation: str, title: str) -> str:
    return f"syncd ({installation}): {title}"


def _line(form: str, entry: Entry, zone: str) -> str:
    text = form.format(
        subject=entry.subject,
        count=entry.count,
        total=entry.total,
        note=entry.note,
        source=entry.source,
        at=_local(entry.at, zone),
    )
    text = _ADDRESS.sub("@…", " ".join(text.split()))
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"


def _local(at: datetime | None, zone: str) -> str:
    if at is None:
        return ""
    return f"{at.astimezone(zone_info(zone)):%Y-%m-%d %H:%M} ({zone})"


_MORE = {Language.EN: "… and {count} more", Language.ZH: "……另有 {count} 项"}
_ALL_CLEAR = {Language.EN: "This is well again.", Language.ZH: "此项已恢复正常。"}
_TRIAL = {
    Language.EN: ("a test", "Notifications arrive here. Nothing is wrong."),
    Language.ZH: ("测试消息", "通知可以送达此处。一切正常。"),
}

_EN = {
    Topic.HOLDS: Words(
        "writing is held",
        "nothing is held any longer",
        {"": "{subject}: {count} writes wait: {note}"},
        "Look at them and allow them: syncd approve",
        "done in {source}, seen since {at}",
    ),
    Topic.SIGN_IN: Words(
        "a sign-in is refused",
        "every sign-in works again",
        {"": "{subject}: refuses our password, token or rights"},
        "Renew it, then: syncd check",
    ),
    Topic.CONFLICTS: Words(
        "decisions wait for you",
        "no decision waits any longer",
        {"": "{subject}: {count} waiting"},
        "See and answer them: syncd conflicts",
    ),
    Topic.ASIDE: Words(
        "items are set aside",
        "nothing is set aside any longer",
        {"": "{subject}: {count} set aside"},
        "Why: syncd status. Try again: syncd retry",
    ),
    Topic.SILENT: Words(
        "a system does not answer",
        "every system answers again",
        {"": "{subject}: {count} of {total} channels have not answered since {at}"},
        "Is it up, and can it be reached from here? syncd check. What it misses it will get later.",
    ),
    Topic.OWED: Words(
        "a system does not take what is to be written",
        "every system has taken what was to be written",
        {"": "{subject}: writes owed: {count}, the first since {at}"},
        "Why, in its words: syncd status. What it is owed it will get later.",
    ),
    Topic.STATE: Words(
        "the state is in danger",
        "the state is kept again",
        {
            "unreadable": "the state cannot be read or written ({note})",
            "failing": "cycles fail ({note}); nothing is kept equal until that is mended",
            "full": "the disk with the state has only {total} MB left",
        },
        "Make room on the disk, look into the log, then: syncd status",
    ),
    Topic.TOKENS: Words(
        "a token expires",
        "no token expires soon",
        {
            "coming": "{subject}: its token ends on {at}",
            "soon": "{subject}: its token ends soon, on {at}",
            "over": "{subject}: its token has ended on {at}",
        },
        "Renew it, then: syncd check",
    ),
}

_ZH = {
    Topic.HOLDS: Words(
        "写入已暂停，等待批准",
        "已没有待批准的写入",
        {"": "{subject}：{count} 项写入等待批准：{note}"},
        "查看并批准：syncd approve",
        "自 {at} 起，更改来自 {source}",
    ),
    Topic.SIGN_IN: Words(
        "有系统拒绝登录",
        "所有系统均已恢复登录",
        {"": "{subject}：拒绝了我们的密码、令牌或权限"},
        "请更新凭据，然后运行：syncd check",
    ),
    Topic.CONFLICTS: Words(
        "有冲突等待您决定",
        "已没有等待决定的冲突",
        {"": "{subject}：{count} 项等待决定"},
        "查看并处理：syncd conflicts",
    ),
    Topic.ASIDE: Words(
        "有项目被搁置",
        "已没有被搁置的项目",
        {"": "{subject}：{count} 项被搁置"},
        "查看原因：syncd status；重试：syncd retry",
    ),
    Topic.SILENT: Words(
        "有系统没有响应",
        "所有系统均已恢复响应",
        {"": "{subject}：{total} 个通道中有 {count} 个自 {at} 起没有响应"},
        "请检查该系统是否运行、能否从本机访问：syncd check。恢复后会自动补上遗漏的更改。",
    ),
    Topic.OWED: Words(
        "有系统不接受写入",
        "所有系统均已接受待写入的更改",
        {"": "{subject}：有 {count} 项写入未完成，最早的始于 {at}"},
        "查看该系统给出的原因：syncd status。恢复后会自动补上这些写入。",
    ),
    Topic.STATE: Words(
        "状态数据面临风险",
        "状态数据已恢复正常",
        {
            "unreadable": "状态数据无法读写（{note}）",
            "failing": "同步周期失败（{note}）；修复之前不会同步任何内容",
            "full": "状态数据所在磁盘仅剩 {total} MB",
        },
        "请释放磁盘空间并查看日志，然后运行：syncd status",
    ),
    Topic.TOKENS: Words(
        "有令牌即将过期",
        "已没有即将过期的令牌",
        {
            "coming": "{subject}：令牌将于 {at} 过期",
            "soon": "{subject}：令牌很快过期：{at}",
            "over": "{subject}：令牌已于 {at} 过期",
        },
        "请更新令牌，然后运行：syncd check",
    ),
}

_WORDS: Mapping[Language, Mapping[Topic, Words]] = {Language.EN: _EN, Language.ZH: _ZH}
