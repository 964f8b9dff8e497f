"""Invariant 11: secrets and personal data stay out of logs; ids are logged."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd import log
from syncd.config import LogFormat, LogLevel
from syncd.core.model import Appointment, Status, Timed
from syncd.errors import Rejected, Unavailable
from syncd.log import MASK, Redactor
from syncd.secrets import Secret


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged; the process's logging is as before when the test is over."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    found = io.StringIO()
    yield found
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_level_time_logger_and_cycle(stream: io.StringIO) -> None:
    log.configure(LogFormat.JSON, stream=stream)
    with log.cycle("c42"):
        structlog.get_logger("syncd.write").info("written", channel="alice", changed=3)
    structlog.get_logger("syncd.write").info("idle")
    first, second = lines(stream)
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo is not None
    assert first == {
        "event": "written",
        "level": "info",
        "logger": "syncd.write",
        "cycle": "c42",
        "channel": "alice",
        "changed": 3,
    }
    assert "cycle" not in second


def test_levels_and_configuring_again(stream: io.StringIO) -> None:
    log.configure(LogFormat.JSON, LogLevel.WARNING, stream=stream)
    structlog.get_logger("syncd").info("quiet")
    log.configure(LogFormat.JSON, LogLevel.DEBUG, stream=stream)
    structlog.get_logger("syncd").debug("loud")
    logging.getLogger("library").info("always quiet")
    assert [line["event"] for line in lines(stream)] == ["loud"]


VISIT = Appointment(Timed(datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 10)), title="geheim")

PERSONAL = {
    "title": "拜访王总 geheim",
    "name": "geheim",
    "email": "geheim@example.com",
    "password": "geheim",
    "access_token": "geheim",
    "api_key": 12345,
    "phone": "+86 138 0013 8000",
    "number": 13800138000,
    "anything_new": "geheim",
    "appointment_value": VISIT,
    "wire": b"geheim",
    "holder": Secret("geheim"),
}


@pytest.mark.parametrize("key", PERSONAL)
def test_what_is_not_known_to_be_harmless_is_masked(key: str) -> None:
    """A new key shows nothing until it is listed."""
    cleaned = Redactor()(None, "info", {"event": "x", key: PERSONAL[key]})
    assert cleaned == {"event": "x", key: MASK}
    nested = Redactor()(None, "info", {"event": "x", "reason": {key: [PERSONAL[key]]}})
    assert "geheim" not in json.dumps(nested, ensure_ascii=False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("appointment", "7f3a9c21"),
        ("key", "138001380001"),
        ("key", "/dav/calendars/9b1c.ics"),
        ("slot", "20260301T090000"),
        ("rule", "default.toml:12"),
        ("channel", "王芳"),
        ("reason", "412 Precondition Failed at 10:00"),
        ("cycle", 1234567),
        ("ok", True),
        ("seconds", 1.5),
        ("nothing", None),
    ],
)
def test_ids_and_counts_are_shown(key: str, value: object) -> None:
    assert Redactor()(None, "info", {key: value}) == {key: value}


def test_values_are_made_plain() -> None:
    shown = Redactor().value
    assert shown("state", Status.NO_SHOW) == "no_show"
    assert shown("wait", timedelta(minutes=1)) == 60.0
    assert shown("timestamp", datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00+00:00"
    assert shown("birthday", datetime(2026, 3, 1, tzinfo=UTC)) == MASK
    assert shown("channel", ("a", "b")) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("for li.ming@example.com.", f"for {MASK}"),
        ("attendees.王芳@例子.中国", MASK),
        ("https://alice:s3cr3t@dav.example.com/x", f"https://{MASK}@dav.example.com/x"),
        ("https://token@dav.example.com/", f"https://{MASK}@dav.example.com/"),
        ("https://u:p@ss@dav.example.com/", f"https://{MASK}@dav.example.com/"),
        ("/alice%40example.com/cal", f"/{MASK}/cal"),
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {MASK}"),
        ("GET /x?access_token=abc&a=1", f"GET /x?access_token={MASK}&a=1"),
        ('{"password": "a b", "n": 1}', f'{{"password": {MASK}, "n": 1}}'),
        ("call +49 (30) 1234567-89 now", f"call {MASK} now"),
        ("call 13800138000", f"call {MASK}"),
        ("line\nforged\x1b[2J", "line forged [2J"),
        ("410 Gone after 1234 ms", "410 Gone after 1234 ms"),
    ],
)
def test_texts_are_searched_for_what_slips_through(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda text: f"geheim{text}")
"""The word in front tells what is left of them from what only looks like them."""


@settings(deadline=None)
@given(SECRETS, st.text(max_size=9), st.text(max_size=9), st.sampled_from(["reason", "x", "key"]))
def test_a_known_secret_is_masked_wherever_it_turns_up(
    secret: str, before: str, after: str, key: str
) -> None:
    redactor = Redactor([Secret(secret)])
    cleaned = redactor(
        None,
        "error",
        {
            "event": before + secret + after,
            key: [before + secret, {secret: secret}],
            "exc_info": Rejected(f"{before}{secret}{after}"),
        },
    )
    assert "geheim" not in json.dumps(cleaned, ensure_ascii=False)


def test_the_password_in_a_url_is_a_secret_too() -> None:
    redactor = Redactor([Secret("postgresql://u:tief%40geheim@db/x")])
    assert redactor.text("refused: tief%40geheim, tief@geheim") == f"refused: {MASK}, {MASK}"


def test_our_exceptions_say_their_words_and_foreign_ones_only_their_class(
    stream: io.StringIO,
) -> None:
    log.configure(LogFormat.JSON, secrets=[Secret("hunter2")], stream=stream)
    title = "geheimer Termin"
    try:
        try:
            raise KeyError(title)
        except KeyError as error:
            raise Unavailable("503 from the server, asked with hunter2") from error
    except Unavailable:
        structlog.get_logger("syncd.observe").exception("failed", title=title)
    (line,) = lines(stream)
    assert [each["error"] for each in line["exception"]] == [
        f"Unavailable: 503 from the server, asked with {MASK}",
        "KeyError",
    ]
    assert "test_log.py" in line["exception"][1]["frames"][0]
    assert "geheim" not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_an_error_while_handling_another_shows_both_unless_it_hides_it(stream: io.StringIO) -> None:
    log.configure(LogFormat.JSON, stream=stream)
    for hide in (False, True):
        try:
            try:
                raise KeyError("geheim")
            except KeyError:
                if hide:
                    raise Rejected("400") from None
                raise Rejected("400")  # noqa: B904 -- the implicit chain is what is tested
        except Rejected:
            structlog.get_logger("syncd").exception("failed")
    chains = [[each["error"] for each in line["exception"]] for line in lines(stream)]
    assert chains == [["Rejected: 400", "KeyError"], ["Rejected: 400"]]


def test_a_library_is_heard_without_its_words(stream: io.StringIO) -> None:
    log.configure(LogFormat.JSON, LogLevel.DEBUG, stream=stream)
    library = logging.getLogger("caldav")
    library.debug("geheim")
    library.warning("SUMMARY:%s", "geheim")
    try:
        raise ValueError("geheim")
    except ValueError:
        library.exception("geheim", stack_info=True)
    warnings.showwarning("geheim", UserWarning, "x.py", 1)
    found = lines(stream)
    assert [line["logger"] for line in found] == ["caldav", "caldav", "py.warnings"]
    assert found[0]["where"].startswith("test_log:")
    assert found[1]["exception"][0]["error"] == "ValueError"
    assert "geheim" not in stream.getvalue()


@pytest.mark.parametrize("format", [LogFormat.JSON, LogFormat.CONSOLE])
@settings(deadline=None)
@given(secret=SECRETS)
def test_no_form_of_a_line_has_a_secret(format: LogFormat, secret: str) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    try:
        log.configure(format, secrets=[Secret(secret)], stream=stream)
        logger = structlog.get_logger("syncd").bind(channel=secret, title=secret)
        try:
            raise RuntimeError(secret)
        except RuntimeError:
            logger.exception("%s", secret, reason=secret)
        logging.getLogger("library").error("x %s", secret)
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    assert "RuntimeError" in stream.getvalue()
    assert "geheim" not in stream.getvalue()
