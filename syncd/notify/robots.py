"""The robots of WeCom, DingTalk and Feishu groups.

All three answer a refusal with HTTP 200 and a code in the body, so nothing counts as delivered
but the code 0. Sources, read 2026-11:

- WeCom: https://developer.work.weixin.qq.com/document/path/91770 (text up to 2,048 bytes, 20
  messages a minute), codes: https://developer.work.weixin.qq.com/document/path/90313
- DingTalk: https://open.dingtalk.com/document/robots/custom-robot-access (20 a minute, else
  refused for 10 minutes; signature: https://open.dingtalk.com/document/robots/customize-robot-security-settings)
- Feishu: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (100 a minute, 5 a
  second, 20 KB)

The codes 130101 (DingTalk), 40058, 93000 (WeCom) and 19021 (Feishu) were also read in issues
of other projects, with the vendors' words.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from syncd.config import NotifySettings, Service
from syncd.notify.posting import Answer, post
from syncd.notify.senders import InDoubt, Refused, SendError, Throttled, shortened
from syncd.notify.words import Message

LONGEST = 2_000
"""Bytes of a text: WeCom takes 2,048, the others more."""

THROTTLED = 600.0
"""Seconds to wait after too many messages: DingTalk refuses for so long."""

LONGEST_WAIT = 3_600.0


@dataclass(frozen=True, slots=True)
class Codes:
    """What a vendor's codes mean. ``code``: the keys that hold it, the first there counts.

    ``throttled`` and ``busy``: try again later. ``refused``: code to its remedy.
    """

    vendor: str
    code: tuple[str, ...]
    words: tuple[str, ...]
    throttled: frozenset[int]
    busy: frozenset[int]
    refused: Mapping[int, str]


_WECOM = Codes(
    "WeCom",
    ("errcode",),
    ("errmsg",),
    frozenset({45009, 45033}),
    frozenset({-1}),
    {
        93000: "the robot is not known: was it removed, or its key mistyped?",
        40008: "it does not take this kind of message",
        40058: "the message is not as it should be",
    },
)
_DINGTALK = Codes(
    "DingTalk",
    ("errcode",),
    ("errmsg",),
    frozenset({130101, 660026, 90018, 90030}),
    frozenset({-1}),
    {
        310000: "its security settings refuse the message",
        300001: "the robot is not known: was it removed, or its token mistyped?",
        300005: "the robot is not known: was it removed, or its token mistyped?",
        400101: "the token is missing",
        400013: "the group does not exist any longer",
        400105: "it does not take this kind of message",
    },
)
_FEISHU = Codes(
    "Feishu",
    ("code", "StatusCode"),
    ("msg", "StatusMessage"),
    frozenset({11232}),
    frozenset({1500, 2200}),
    {
        19001: "the robot is not known: was it removed, or its address mistyped?",
        19021: "the signature does not fit: is `secret` right, and the clock here?",
        19022: "the address of this machine is not on its list",
        19024: 'the message lacks its keyword: make "syncd" one of its keywords',
        9499: "the message is not as it should be",
    },
)
_SECURITY = {
    ("keyword", "关键词"): 'the message lacks its keyword: make "syncd" one of its keywords',
    ("whitelist", "白名单"): "the address of this machine is not on its list",
    ("timestamp",): "the clock of this machine is more than an hour off",
    ("sign", "签名"): "the signature does not fit: is `secret` right, and the clock here?",
}
"""What DingTalk's words beside the code 310000 say; the first that occurs counts."""

_MIXED = 9499
"""Feishu's code for what it does not understand, and, with these words, for too much of it."""

_TOO_MANY = ("too many", "too fast", "frequen", "limit")


class Robot:
    """A robot in a group. ``clock``: seconds since 1970, for signatures."""

    def __init__(self, settings: NotifySettings, clock: Callable[[], float] = time.time) -> None:
        self._service, self._clock = settings.service, clock
        self._url, self._secret = settings.url, settings.secret

    def send(self, message: Message) -> str:
        """Deliver it; returns the vendor's code and words. Raises ``SendError``."""
        text = shortened(message.text, LONGEST)
        match self._service:
            case Service.WECOM:
                return _judged(_WECOM, post(self._url.reveal(), _plain(text)))
            case Service.DINGTALK:
                return _judged(_DINGTALK, post(self._signed_url(), _plain(text)))
            case Service.FEISHU:
                return _judged(_FEISHU, post(self._url.reveal(), self._signed_body(text)))
        raise Refused(f"{self._service} is no robot")

    def _signed_url(self) -> str:
        """DingTalk: milliseconds and the signature join the query."""
        url = self._url.reveal()
        if self._secret is None:
            return url
        stamp = str(round(self._clock() * 1000))
        secret = self._secret.reveal()
        sign = _hmac(secret, f"{stamp}\n{secret}")
        joint = "&" if urlsplit(url).query else "?"
        return f"{url}{joint}{urlencode({'timestamp': stamp, 'sign': sign})}"

    def _signed_body(self, text: str) -> dict[str, object]:
        """Feishu: seconds and the signature join the body. Its key is what others sign."""
        body: dict[str, object] = {"msg_type": "text", "content": {"text": text}}
        if self._secret is None:
            return body
        stamp = str(int(self._clock()))
        sign = _hmac(f"{stamp}\n{self._secret.reveal()}", "")
        return {"timestamp": stamp, "sign": sign, **body}


def _plain(text: str) -> dict[str, object]:
    return {"msgtype": "text", "text": {"content": text}}


def _hmac(key: str, text: str) -> str:
    return b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _judged(codes: Codes, answer: Answer) -> str:
    """The code and words of a success; raises what else it is."""
    code = _code(codes, answer.body)
    words = next((str(answer.body[key]) for key in codes.words if key in answer.body), "")
    if code is None or (code == 0 and answer.status != 200):
        raise _no_answer(codes.vendor, answer)
    if code == 0:
        return f"0 {words[:40]}".rstrip()
    if code in codes.throttled or (code == _MIXED and _mentions(words, _TOO_MANY)):
        raise Throttled(f"{codes.vendor} takes no more messages now ({code})", THROTTLED)
    if code in codes.busy:
        raise SendError(f"{codes.vendor} is busy ({code})")
    raise Refused(f"{codes.vendor} refuses ({code}): {_remedy(codes, code, words)}")


def _code(codes: Codes, body: Mapping[str, object]) -> int | None:
    found = next((body[key] for key in codes.code if key in body), None)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _no_answer(vendor: str, answer: Answer) -> SendError:
    """What no robot answers. A gateway's error may come after the delivery."""
    status = answer.status
    if status == 429:
        return Throttled(f"{vendor} takes no more messages now (429)", _wait(answer.retry_after))
    if 300 <= status < 400:
        return Refused(f"{vendor} redirects, which is not followed; is the URL right?")
    if status in (502, 504):
        return InDoubt(f"a gateway before {vendor} answers {status}")
    if status >= 500:
        return SendError(f"{vendor} answers {status}")
    return Refused(f"that was not {vendor}: it answers {status} without a code; is the URL right?")


def _remedy(codes: Codes, code: int, words: str) -> str:
    if code == 310000:
        for signs, remedy in _SECURITY.items():
            if _mentions(words, signs):
                return remedy
    return codes.refused.get(code, "see the vendor's list of codes")


def _mentions(words: str, signs: tuple[str, ...]) -> bool:
    return any(sign in words.lower() for sign in signs)


def _wait(retry_after: str) -> float:
    """The seconds that a header names, within reason."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 9:
        return min(LONGEST_WAIT, max(1.0, float(text)))
    return THROTTLED
