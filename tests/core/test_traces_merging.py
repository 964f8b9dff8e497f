"""Merging: edits of several channels in one cycle, and what the rules say about contradictions."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.model import Attendee, Override, Recurrence, Response
from syncd.core.rules import Decide, Rule
from syncd.core.state import Kind, Order
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.values import CALDAV, SHORT, USUAL, VISIT, at, channel, prefer, rules


def titles(world: World) -> list[str]:
    return [world.reads(name).title for name in world.policy.channels]


def whens(world: World) -> list[object]:
    return [world.reads(name).when for name in world.policy.channels]


def test_trace_01_three_fields_from_three_channels() -> None:
    """Place from the CRM, time from one calendar, title from another: all hold everywhere."""
    world = settled_world("crm", "cal", "cal2")
    world.edit("crm", location="上海市 静安区")
    world.edit("cal", when=at(11, 14))
    world.edit("cal2", title="Neuer Titel")
    world.run()
    for name in world.policy.channels:
        held = world.reads(name)
        assert (held.location, held.when, held.title) == (
            "上海市 静安区",
            at(11, 14),
            "Neuer Titel",
        )
    assert not world.history(Kind.CONFLICT, Kind.PUT_BACK)
    assert {(r.path, r.winner) for r in world.history(Kind.SET)} == {
        (("location",), "crm"),
        (("when",), "cal"),
        (("title",), "cal2"),
    }


def test_trace_02_two_titles_conflict_once() -> None:
    """CRM and calendar set different titles: the ranking decides, both values are on record."""
    world = settled_world("crm", "cal", "cal2")
    world.edit("crm", title="从CRM来")
    world.edit("cal", title="aus dem Kalender")
    world.run()
    assert titles(world) == ["从CRM来"] * 3
    (conflict,) = world.history(Kind.CONFLICT)
    assert set(conflict.claims) == {("crm", "从CRM来"), ("cal", "aus dem Kalender")}
    assert (conflict.winner, conflict.value, conflict.rule) == ("crm", "从CRM来", "rules.toml:1")
    assert conflict.before == VISIT.title


def test_trace_03_the_same_title_twice_is_no_conflict() -> None:
    """Both set the same title: nothing is written between them, only the third is told."""
    world = settled_world("crm", "cal", "cal2")
    world.edit("crm", title="gleich")
    world.edit("cal", title="gleich")
    world.run()
    assert titles(world) == ["gleich"] * 3
    assert [write.channel for write in world.written] == ["cal2"]
    assert not world.history(Kind.CONFLICT)
    assert world.agreements[world.only].setters[("title",)].channel == "crm"


def test_trace_04_authority_puts_back_once_and_keeps_the_rest() -> None:
    """A title that only the CRM may change is put back; the time of the same copy is kept."""
    authority = Rule(name="rules.toml:9", fields=frozenset({"title"}), authority=("role:crm",))
    world = settled_world("crm", "cal", "cal2", ruleset=rules(authority, prefer("crm")))
    world.edit("cal", title="eigenmächtig", when=at(12, 9))
    world.run()
    assert titles(world) == [VISIT.title] * 3
    assert whens(world) == [at(12, 9)] * 3
    (back,) = world.history(Kind.PUT_BACK)
    assert (back.path, back.rule, back.value) == (("title",), "rules.toml:9", VISIT.title)
    assert back.claims == (("cal", "eigenmächtig"),)
    assert sum(write.channel == "cal" for write in world.written) == 1


def _outage(ruleset_first: str) -> World:
    ranked = prefer(ruleset_first, "crm" if ruleset_first == "cal" else "cal")
    world = settled_world("crm", "cal", "cal2", ruleset=rules(ranked))
    world.remotes["cal"].down = True
    world.edit("cal", when=at(10, 12))
    world.cycle()
    world.edit("crm", when=at(10, 11))
    world.cycle()
    assert world.reads("cal2").when == at(10, 11)
    world.remotes["cal"].down = False
    world.run()
    return world


def test_trace_05_an_edit_made_during_an_outage_meets_the_rules() -> None:
    """12:00 set in a calendar that was down contests the CRM's 11:00 when it returns."""
    world = _outage("crm")
    assert whens(world) == [at(10, 11)] * 3
    (conflict,) = world.history(Kind.CONFLICT)
    assert set(conflict.claims) == {("crm", at(10, 11)), ("cal", at(10, 12))}
    assert conflict.winner == "crm"


def test_trace_05_the_other_ranking_takes_the_calendars_time() -> None:
    """As above, with the calendar ranked first: 12:00 goes everywhere, recorded likewise."""
    world = _outage("cal")
    assert whens(world) == [at(10, 12)] * 3
    (conflict,) = world.history(Kind.CONFLICT)
    assert set(conflict.claims) == {("crm", at(10, 11)), ("cal", at(10, 12))}
    assert conflict.winner == "cal"


def test_trace_06_a_put_back_that_failed_is_still_owed() -> None:
    """The write that puts a title back meets a 503: the next cycle makes it."""
    authority = Rule(name="a", fields=frozenset({"title"}), authority=("crm",))
    world = settled_world("crm", "cal", ruleset=rules(authority))
    world.edit("cal", title="eigenmächtig")
    world.fault("cal", Fault.REFUSED)
    world.cycle()
    assert world.reads("cal").title == "eigenmächtig"
    world.run()
    assert titles(world) == [VISIT.title] * 2
    assert len(world.history(Kind.PUT_BACK)) == 1


def test_trace_07_the_winner_stays_the_winner_when_the_write_fails() -> None:
    """The loser's copy could not be written: its value does not win in the next cycle."""
    world = settled_world("crm", "cal", "cal2")
    world.edit("crm", title="vom CRM")
    world.edit("cal", title="vom Kalender")
    world.fault("cal", Fault.REFUSED, Fault.REFUSED)
    world.cycle()
    world.cycle()
    assert world.reads("cal").title == "vom Kalender"
    world.run()
    assert titles(world) == ["vom CRM"] * 3
    assert len(world.history(Kind.CONFLICT)) == 1


def test_trace_08_attendees_merge_one_by_one() -> None:
    """One adds Wang, one removes Li, one changes Zhao's answer: all three hold."""
    li, zhao = Attendee("li@example.com", "李"), Attendee("zhao@example.com", "赵")
    wang = Attendee("wang@example.com", "王")
    world = settled_world("crm", "cal", "cal2", visit=replace(VISIT, attendees=(li, zhao)))
    accepted = replace(zhao, response=Response.ACCEPTED)
    world.edit("crm", attendees=(li, zhao, wang))
    world.edit("cal", attendees=(zhao,))
    world.edit("cal2", attendees=(li, accepted))
    world.run()
    for name in world.policy.channels:
        assert world.reads(name).attendees == (wang, accepted)
    assert not world.history(Kind.CONFLICT)


def _asked() -> World:
    ask = Rule(name="ask.toml:3", fields=frozenset({"when"}), decide=Decide.ASK)
    world = settled_world("crm", "cal", "cal2", ruleset=rules(ask, *USUAL.rules))
    world.edit("crm", when=at(10, 15))
    world.edit("cal", when=at(10, 16))
    world.run()
    return world


def test_trace_09_ask_keeps_both_values_until_both_agree() -> None:
    """Each claimant keeps its time, the third keeps the agreed one, the title still flows; when
    both people set the same time the question closes by itself."""
    world = _asked()
    assert whens(world) == [at(10, 15), at(10, 16), VISIT.when]
    (asked,) = world.history(Kind.ASKED)
    assert set(asked.claims) == {("crm", at(10, 15)), ("cal", at(10, 16))}
    world.edit("cal2", title="unterdessen")
    world.run()
    assert titles(world) == ["unterdessen"] * 3
    assert whens(world) == [at(10, 15), at(10, 16), VISIT.when]
    assert ("when",) in world.agreements[world.only].open
    world.edit("crm", when=at(10, 15, 30))
    world.edit("cal", when=at(10, 15, 30))
    world.run()
    assert whens(world) == [at(10, 15, 30)] * 3
    assert not world.agreements[world.only].open
    assert len(world.history(Kind.CLOSED)) == 1


def test_trace_09_ask_closes_when_all_but_one_go_back() -> None:
    """One claimant gives in by setting the agreed time again: the other's claim is left, taken."""
    world = _asked()
    world.edit("cal", when=VISIT.when)
    world.run()
    assert whens(world) == [at(10, 15)] * 3
    assert not world.agreements[world.only].open


def test_trace_09_ask_closes_when_all_go_back() -> None:
    """Both give in: what was agreed stays, the question is closed."""
    world = _asked()
    world.edit("cal", when=VISIT.when)
    world.edit("crm", when=VISIT.when)
    world.run()
    assert whens(world) == [VISIT.when] * 3
    assert not world.agreements[world.only].open


def test_trace_09_ask_stays_open_while_one_claimant_changes_its_mind() -> None:
    """A third value from one of the claimants is a new claim, not an agreement."""
    world = _asked()
    world.edit("cal", when=at(10, 17))
    world.run()
    assert whens(world) == [at(10, 15), at(10, 17), VISIT.when]
    assert world.agreements[world.only].open[("when",)].claims == {
        "crm": at(10, 15),
        "cal": at(10, 17),
    }


def test_trace_09_resolve_settles_the_question() -> None:
    """An administrator's value goes to every channel, the claimants' copies included."""
    world = _asked()
    world.order(Order("admin", world.now, {("when",): at(10, 16)}))
    world.run()
    assert whens(world) == [at(10, 16)] * 3
    assert not world.agreements[world.only].open
    assert world.agreements[world.only].setters[("when",)].channel == "person:admin"


def test_trace_09_resolve_for_what_was_agreed_puts_the_claimants_back() -> None:
    """Invariant 1: that the agreement does not change is no reason to leave them as they are."""
    world = _asked()
    world.order(Order("admin", world.now, {("when",): VISIT.when}))
    world.run()
    assert whens(world) == [VISIT.when] * 3
    assert not world.agreements[world.only].open


def test_trace_09_who_set_what_is_agreed_is_asked_about_what_it_says_now() -> None:
    """Its own new value is its side of the question, not the one that it had set before."""
    ask = Rule(name="ask.toml:3", fields=frozenset({"when"}), decide=Decide.ASK)
    world = settled_world("crm", "cal", ruleset=rules(ask, *USUAL.rules))
    world.edit("crm", when=at(10, 15))
    world.remotes["cal"].faults.append(Fault.REFUSED)
    world.cycle()
    world.edit("cal", when=at(10, 17))
    world.edit("crm", when=at(10, 18))
    world.run()
    (question,) = world.agreements[world.only].open.values()
    assert question.claims == {"cal": at(10, 17), "crm": at(10, 18)}
    world.order(Order("admin", world.now, {("when",): at(10, 15)}))
    world.run()
    assert whens(world) == [at(10, 15)] * 2


def test_trace_03_who_says_the_same_in_less_detail_lends_it_its_rank() -> None:
    """Invariant 1 and the rules: the CRM keeps UTC, a calendar the zone; the same instant in both,
    another one in a third. It is as if they had said so in the same words."""
    crm = replace(channel("crm", 0), fidelity=replace(channel("crm", 0).fidelity, zone="UTC"))
    world = settled_world(crm, "cal", "cal2", ruleset=rules(prefer("crm", "cal2", "cal")))
    world.edit("crm", when=at(11, 10))
    world.edit("cal", when=at(11, 18, zone="Asia/Shanghai"))
    world.edit("cal2", when=at(12, 9, zone="Asia/Shanghai"))
    world.run()
    local = at(11, 18, zone="Asia/Shanghai")
    assert [world.all_reads(name)[0].when for name in ("crm", "cal", "cal2")] == [
        *(at(11, 10), local, local)
    ]


def test_what_might_be_either_value_is_told_when_the_old_one_returns() -> None:
    """Invariant 1: a shortened title that fits both counts for neither; that it reads as decided
    is no reason to believe that it still has what it was asked before."""
    made = settled_world("cal", "cal2", channel("short", 2, fidelity=SHORT))
    made.edit("cal", title="Termin Wang mit Müller")
    made.edit("cal2", title="Termin Wang mit Li")
    made.edit("short", title="Termin Wang")
    made.run()
    assert made.reads("short").title == "Termin Wang"
    made.edit("cal", title=VISIT.title)
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {VISIT.title}


def test_an_occurrence_keeps_its_own_where_its_series_had_the_same_for_a_while() -> None:
    """Invariant 1: a calendar is not told of what its series has, so it is when that changes."""
    weekly = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=3",)))
    times = channel("times", 3, fidelity=replace(CALDAV, override_fields=frozenset({"when"})))
    made = settled_world("crm", "cal", "cal2", times, visit=weekly)
    second = "20260317T100000"
    made.edit("cal", overrides=((second, Override((("title", "Fassung B"),))),))
    made.run()
    made.edit("times", title="Fassung B")
    made.run()
    made.edit("cal2", title="Fassung C")
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {"Fassung C"}
    for name in ("crm", "cal", "cal2"):
        override = made.reads(name).override(second) or Override()
        assert dict(override.values) == {"title": "Fassung B"}
