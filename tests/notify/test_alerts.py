"""What is wrong, what of it is news, and how it is said: pure, so tried by the thousand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import Language, Topic
from syncd.notify.alerts import Alert, Entry, Facts, Held, Silent, Unwritten, alerts
from syncd.notify.ledger import HOUR, News, Told, begun, decoded, encoded, news, quietly
from syncd.notify.words import alarm, all_clear, trial

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HOURS = timedelta(hours=1)
ALERTS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "alerts.yml"


def _found(**facts: object) -> dict[Topic, Alert]:
    given_facts = Facts(now=NOW, **facts)  # type: ignore[arg-type]  # each test gives what it has
    return {each.topic: each for each in alerts(given_facts, HOURS)}


def test_all_is_well() -> None:
    """Nothing is said of a world in which nothing is wrong."""
    well = {"waiting": {"sales": 0}, "aside": {}, "channels": {"crm": 3}, "free": 10**9}
    assert _found(**well) == {}
    assert _found(expiring={"google": NOW + timedelta(days=60)}, failing=NOW, fault="Error") == {}


def test_each_topic() -> None:
    found = _found(
        holds=(Held("sales", 12, "alice: 12 of 40"),),
        refused=frozenset({"nextcloud"}),
        waiting={"sales": 3, "service": 1},
        aside={"crm": 2},
        silent=(Silent("sales/bob", "radicale", NOW - 2 * HOURS),),
        channels={"radicale": 4},
        owed=(Unwritten("crm", 2, NOW - HOURS), Unwritten("crm", 3, NOW)),
        expiring={"google": NOW + timedelta(days=2), "feishu": NOW - HOURS},
        failing=NOW - timedelta(minutes=1),
        fault="OperationalError",
        free=5_000_000,
    )
    assert set(found) == set(Topic)
    assert found[Topic.CONFLICTS].count == 4
    assert found[Topic.SILENT].entries[0].total == 4
    assert found[Topic.OWED].entries == (Entry(subject="crm", count=5, at=NOW - HOURS),)
    assert found[Topic.TOKENS].names == {"google soon", "feishu over"}
    assert found[Topic.STATE].names == {"state failing", "disk full"}


def test_a_system_that_refuses_us_is_not_silent_too() -> None:
    mute = (Silent("sales/bob", "radicale", NOW - 2 * HOURS),)
    assert set(_found(silent=mute, refused=frozenset({"radicale"}))) == {Topic.SIGN_IN}


def test_silence_is_told_after_its_time_only() -> None:
    mute = (Silent("sales/bob", "radicale", NOW - timedelta(minutes=59)),)
    assert _found(silent=mute) == {}
    assert {each.topic for each in alerts(Facts(now=NOW, silent=mute), timedelta(minutes=30))} == {
        Topic.SILENT
    }


def test_what_is_owed_is_told_after_its_time_only() -> None:
    """As long as Prometheus waits: what a system takes a moment later is nobody's business."""
    rules = ALERTS.read_text("utf-8").partition("alert: SyncdWritesOwed")[2]
    expected = timedelta(seconds=int(rules.partition("> ")[2].partition("\n")[0]))
    expected += timedelta(minutes=int(rules.partition("for: ")[2].partition("m")[0]))
    second = timedelta(seconds=1)
    assert _found(owed=(Unwritten("crm", 9, NOW - expected + second),)) == {}
    assert set(_found(owed=(Unwritten("crm", 9, NOW - expected),))) == {Topic.OWED}


def test_of_a_state_that_cannot_be_read_nothing_else_is_said() -> None:
    """What is kept there is unknown: it is neither wrong nor over."""
    found = _found(readable=False, fault="OperationalError", refused=frozenset({"crm"}))
    assert set(found) == {Topic.STATE}


def test_tokens_are_news_at_each_stage() -> None:
    """Within 14 days, within 3, and over."""
    end = NOW + timedelta(days=20)
    told, said = Told(), []
    for day in range(25):
        now = NOW + timedelta(days=day)
        (alert,) = alerts(Facts(now=now, expiring={"google": end}), HOURS) or [None]
        if news(told, alert, now) is News.ALERT and alert is not None:
            said.append((day, alert.entries[0].stage))
            told = begun(told, alert, now)
            told = Told(told.at, True, told.names, told.count)
    assert said == [(6, "coming"), (17, "soon"), (20, "over")]


def _alert(counts: Mapping[str, int]) -> Alert | None:
    entries = tuple(Entry(subject=name, count=count) for name, count in counts.items())
    return Alert(Topic.CONFLICTS, entries) if entries else None


STATES = st.lists(
    st.tuples(
        st.integers(1, 180),
        st.dictionaries(st.sampled_from(["sales", "客服", "x"]), st.integers(1, 60), max_size=3),
        st.sampled_from(["delivered", "delivered", "failed", "unknown", "died"]),
    ),
    max_size=40,
)


@given(STATES)
def test_at_most_one_alert_an_hour_whatever_happens(
    steps: list[tuple[int, dict[str, int], str]],
) -> None:
    """Random worlds, deliveries that fail, that nobody knows of, and processes that die between:
    two alerts that may have been delivered are an hour apart, and an end is told once."""
    now, told, kept = NOW, Told(), encoded({})
    arrived: list[datetime] = []
    opened = 0
    for minutes, counts, fate in steps:
        now += timedelta(minutes=minutes)
        alert = _alert(counts)
        told = quietly(told, alert, now)
        kind = news(told, alert, now)
        if kind is None:
            continue
        before = told
        told = begun(told, alert, now)
        kept = encoded({Topic.CONFLICTS: told})
        if fate == "failed":
            told, kept = before, encoded({Topic.CONFLICTS: before})
            continue
        if kind is News.ALERT:
            assert alert is not None
            arrived.append(now)
            opened += 1
        else:
            assert opened > 0
            opened = 0
        if fate == "delivered":
            told = Told(told.at, told.open, told.names, told.count)
        told = decoded(kept).get(Topic.CONFLICTS, Told()) if fate == "died" else told
    assert all(later - earlier >= HOUR for earlier, later in pairwise(arrived))


@pytest.mark.parametrize(
    ("before", "after", "is_worse"),
    [
        ({"sales": 3}, {"sales": 3}, False),
        ({"sales": 3}, {"sales": 7}, False),
        ({"sales": 3}, {"sales": 8}, True),
        ({"sales": 40}, {"sales": 79}, False),
        ({"sales": 40}, {"sales": 80}, True),
        ({"sales": 3}, {"sales": 1}, False),
        ({"sales": 3}, {"sales": 2, "客服": 1}, True),
        ({"sales": 3, "客服": 1}, {"客服": 1}, False),
    ],
)
def test_what_is_clearly_worse(
    before: dict[str, int], after: dict[str, int], is_worse: bool
) -> None:
    first, second = _alert(before), _alert(after)
    assert first is not None
    told = Told(NOW, True, first.names, first.count)
    assert news(told, second, NOW + HOUR - timedelta(seconds=1)) is None
    assert (news(told, second, NOW + HOUR) is News.ALERT) == is_worse


def test_what_came_back_is_news() -> None:
    """Two systems refuse us, one is mended and refuses again: told again, after an hour."""
    both, one = _alert({"a": 1, "b": 1}), _alert({"a": 1})
    assert both is not None
    told = quietly(Told(NOW, True, both.names, 2), one, NOW + HOUR)
    assert news(told, one, NOW + HOUR) is None
    assert news(told, both, NOW + 2 * HOUR) is News.ALERT


def test_a_clock_that_went_back_silences_for_an_hour_at_most() -> None:
    alert = _alert({"sales": 1})
    told = quietly(Told(NOW + timedelta(days=300)), alert, NOW)
    assert news(told, alert, NOW + HOUR) is News.ALERT


def test_nobody_is_told_the_end_of_what_may_never_have_arrived() -> None:
    told = Told(NOW, True, frozenset({"sales"}), 1, doubt=True)
    assert news(told, None, NOW + HOUR) is None
    assert not quietly(told, None, NOW + HOUR).open


@given(
    st.dictionaries(
        st.sampled_from(Topic),
        st.builds(
            Told,
            st.none() | st.just(NOW),
            st.booleans(),
            st.frozensets(st.text(max_size=5)),
            st.integers(0, 10**6),
            st.booleans(),
        ),
    )
)
def test_what_was_told_survives_a_restart(told: dict[Topic, Told]) -> None:
    assert decoded(encoded(told)) == told


def test_topics_of_another_version_are_passed_over() -> None:
    text = encoded({Topic.HOLDS: Told(NOW)}).replace('"holds"', '"weather"')
    assert decoded(text) == {}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("topic", Topic)
def test_every_topic_can_be_said(topic: Topic, language: Language) -> None:
    """In both languages, each of its stages, and its end; with the command that helps."""
    stages = {
        Topic.STATE: ("unreadable", "failing", "full"),
        Topic.TOKENS: ("coming", "soon", "over"),
    }
    for stage in stages.get(topic, ("",)):
        entry = Entry(subject="销售", count=3, total=9, note="alice: 3 of 9", stage=stage, at=NOW)
        message = alarm(Alert(topic, (entry,)), language, "ab12cd34", "Asia/Shanghai")
        assert message.title.startswith("syncd (ab12cd34): ")
        assert "syncd " in message.body
        assert "{" not in message.text
        if "{at}" in message.text or topic in (Topic.SILENT, Topic.OWED, Topic.TOKENS):
            assert "2026-11-22 10:00 (Asia/Shanghai)" in message.text
    over = all_clear(topic, language, "ab12cd34")
    assert over.title != message.title
    assert trial(language, "ab12cd34").title.startswith("syncd (ab12cd34)")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (Language.EN, "  done in alice, 王芳@…, seen since 2026-11-22 10:00 (Asia/Shanghai)"),
        (Language.ZH, "  自 2026-11-22 10:00 (Asia/Shanghai) 起，更改来自 alice, 王芳@…"),
    ],
)
def test_a_hold_tells_where_it_was_done(language: Language, told: str) -> None:
    """Not only where would be written to; nobody's address, and nothing where it is not known."""
    held = Held("sales", 8, "crm: 8 of 20", ("alice", "王芳@例子.公司"), NOW)
    for each, lines in ((held, [told]), (Held("sales", 8, "crm: 8 of 20"), [])):
        alert = _found(holds=(each,))[Topic.HOLDS]
        body = alarm(alert, language, "ab12cd34", "Asia/Shanghai").body.splitlines()
        assert body[1:-1] == lines
        assert alert.names == {"sales"}, "where it was done makes it no other trouble"


def test_messages_hold_no_addresses_and_stay_short() -> None:
    """Invariant 11: of a channel that is called by an address, only the first part is told."""
    reason = "nextcloud-alice@example.com: 12 of 40 appointments; office-王芳@例子.公司: 3"
    entries = tuple(
        Entry(subject=f"bridge {n} bob@example.com", count=n, note=reason + "x" * 500)
        for n in range(1, 40)
    )
    for language in Language:
        text = alarm(Alert(Topic.HOLDS, entries), language, "ab12cd34", "UTC").text
        assert "example.com" not in text
        assert "例子" not in text
        assert "nextcloud-alice@…" in text
        assert len(text.splitlines()) <= 11
        assert "31" in text
        assert len(text.encode()) < 4000
