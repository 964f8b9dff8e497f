"""Faults that somebody could make in the core, each with the exact text that it spoils."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``sound`` stands exactly once in ``file``; ``broken`` in its place breaks ``what``."""

    file: str
    sound: str
    broken: str
    what: str


FAULTS = (
    Fault(
        "syncd/core/situation.py",
        "diff(settled.copy.reads, copy.reads) if copy is not settled.copy else {}",
        "{}",
        "no edit of anybody is seen",
    ),
    Fault(
        "syncd/core/situation.py",
        "    _set_apart_ours(here, intents)\n    left",
        "    left",
        "our own half-recorded write is taken for a person's",
    ),
    Fault(
        "syncd/core/situation.py",
        " or (write.base is not None and path not in write.paths):",
        ":",
        "who goes back to what a stale write had left alone is not heard",
    ),
    Fault(
        "syncd/core/state.py",
        "return self.latest < other.earliest",
        "return self.earliest <= other.latest",
        "an edit of unknown time counts as the earlier one",
    ),
    Fault(
        "syncd/core/situation.py",
        "here.gone, here.settled = False, None",
        "pass",
        "our own deletion is taken for a person's",
    ),
    Fault(
        "syncd/core/situation.py",
        "return max(before, confirmed or BEGINNING)",
        "return before",
        "what we wrote since the last look counts as unknown to the copy",
    ),
    Fault(
        "syncd/core/claims.py",
        "return view.owes(here, path) or setter.at > here.known_until",
        "return False",
        "an edit made during an outage overrules without meeting the rules",
    ),
    Fault(
        "syncd/core/claims.py",
        "value = _lifted(path, raw, was, get(view.full, path), fidelity)",
        "value = raw",
        "a shortened title replaces the full one",
    ),
    Fault(
        "syncd/core/claims.py",
        "value, contested = raw, True",
        "value = raw",
        "an edit that cannot be carried over is no conflict",
    ),
    Fault(
        "syncd/core/claims.py",
        "        and is_empty(getattr(whole, path[0]))\n",
        "",
        "a copy that joins overrules what is agreed",
    ),
    Fault(
        "syncd/core/claims.py",
        "for other in claims if _holds_of(claim, other, policy)}",
        "for other in () if _holds_of(claim, other, policy)}",
        "after a lost store the shortened form contradicts the full one",
    ),
    Fault(
        "syncd/core/decide.py",
        "left = [claim for claim in claims if claim.person or claim.channel in allowed]",
        "left = list(claims)",
        "authority strikes nobody",
    ),
    Fault(
        "syncd/core/decide.py",
        "return -1 if claim.person else self.policy.rank(claim.channel, rule.ranking)",
        "return -1 if claim.person else -self.policy.rank(claim.channel, rule.ranking)",
        "the ranking counts backwards",
    ),
    Fault(
        "syncd/core/decide.py",
        "if not any(c.span.certainly_before(o.span) for o in running)",
        "if True",
        "latest does not look at times",
    ),
    Fault(
        "syncd/core/decide.py",
        "return later, None if later else latest",
        "return later, latest",
        "an undo overrules edits made after it",
    ),
    Fault(
        "syncd/core/draft.py",
        "        else:\n            self.dispute(claim.here, claim.path)",
        "",
        "a put-back that failed is forgotten",
    ),
    Fault(
        "syncd/core/draft.py",
        "        self.records.extend(records_of(decision, before))\n\n    def keep_open",
        "\n    def keep_open",
        "conflicts are not recorded",
    ),
    Fault(
        "syncd/core/draft.py",
        "self.absent.pop(here.place, None)\n            elif",
        "pass\n            elif",
        "a copy that is there again stays absent",
    ),
    Fault(
        "syncd/core/existence.py",
        "    if not over:\n        return False\n",
        "    return False\n",
        "a purged calendar cancels last year's visits",
    ),
    Fault(
        "syncd/core/existence.py",
        "    contesting += _unseen_edits(serious, draft, policy)\n",
        "",
        "a deletion by somebody who had not been told of the edit wins",
    ),
    Fault(
        "syncd/core/existence.py",
        "        if is_borrowed(here, draft, policy):\n            decline(",
        "        if False:\n            decline(",
        "deleting an invitation cancels the customer's meeting",
    ),
    Fault(
        "syncd/core/declined.py",
        "        if organizer in policy.names_of(person) and not settled.copy.invited:",
        "        if False:",
        "who declines a colleague's invitation calls the meeting off",
    ),
    Fault(
        "syncd/core/invitation.py",
        "    return Turn.LATER if to.direction is Direction.FROM else Turn.OURS",
        "    return Turn.NOW",
        "an invitation that comes after our copy is a second meeting",
    ),
    Fault(
        "syncd/core/situation.py",
        "and has_replaced(shown.copy, settled)",
        "and False",
        "an invitation that was written over our copy is the guest's edit of it",
    ),
    Fault(
        "syncd/core/safety.py",
        "        return write.reason != INVITED",
        "        return True",
        "a few invitations stop the whole bridge",
    ),
    Fault(
        "syncd/core/settle.py",
        "    keep = revive(edits, draft, policy)\n",
        "    keep = True\n",
        "an edit of what is being deleted is lost",
    ),
    Fault(
        "syncd/core/existence.py",
        "            draft.deleting = draft.now\n",
        "            pass\n",
        "a deletion in the CRM deletes nothing",
    ),
    Fault(
        "syncd/core/existence.py",
        "    if not edited:\n        return Contest.DELETE\n",
        "    return Contest.DELETE\n",
        "a deletion always beats an edit",
    ),
    Fault(
        "syncd/core/owe.py",
        "        return get(settled.asked, path) == get(full, path)\n\n    def _settle",
        "        return False\n\n    def _settle",
        "a server that rounds is written for ever",
    ),
    Fault(
        "syncd/core/owe.py",
        "if place in self.draft.absent or (place, ()) in self.aside:",
        "if (place, ()) in self.aside:",
        "an agreed absence is filled again",
    ),
    Fault(
        "syncd/core/owe.py",
        "if channel.name in self.moment.blind or (here is not None and here.waiting):",
        "if here is not None and here.waiting:",
        "copies are created where nobody has looked",
    ),
    Fault(
        "syncd/core/owe.py",
        "if place[1] != WHOLE and self._is_past(place[1]) and reason not in _PAST_TOO:",
        "if False:",
        "cutting a series takes the rows of its past away",
    ),
    Fault(
        "syncd/core/owe.py",
        "asked = patch(full, {path: get(settled.copy.reads, path) for path in left_out})",
        "asked = full",
        "what was set aside is forgotten when it is released",
    ),
    Fault(
        "syncd/core/settle.py",
        '    return question.rule if question is not None else ""\n',
        '    return ""\n',
        "a question about a deletion is forgotten",
    ),
    Fault(
        "syncd/core/settle.py",
        "    if not waiting and nothing_left(draft, policy, writes):",
        "    if False:",
        "nothing is ever buried under a tombstone",
    ),
    Fault(
        "syncd/core/settle.py",
        "        _put_back_unread(here, draft, policy)\n",
        "        pass\n",
        "an edit in a channel that is only written stays there",
    ),
    Fault(
        "syncd/core/settle.py",
        "        occurrences_gone(heres, draft, agreement, policy, moment)\n",
        "        pass\n",
        "a deleted row is no exception of its series",
    ),
    Fault(
        "syncd/core/birth.py",
        "    _take_part(id, whole, draft, policy)\n",
        "",
        "who enters a visit in her calendar does not take part in it",
    ),
    Fault(
        "syncd/core/belong.py",
        "        if origin is None or origin.private is Private.STAY:\n            return False\n",
        "",
        "private appointments are shown to everybody",
    ),
    Fault(
        "syncd/core/series.py",
        "    _move(draft, moves)\n",
        "",
        "moving a series deletes and creates its rows",
    ),
    Fault(
        "syncd/core/pair.py",
        "        elif not each.waited or each.same_look:\n",
        "        elif False:\n",
        "a moved key is taken for a duplicate",
    ),
    Fault(
        "syncd/core/pair.py",
        "            if same or stone.id in names:\n",
        "            if False:\n",
        "a deleted event that a phone puts back lives again",
    ),
    Fault(
        "syncd/core/pair.py",
        "        left = self._by_lost_marker(left)\n",
        "",
        "a lost store makes duplicates",
    ),
    Fault(
        "syncd/core/pair.py",
        '        ids = self.known.by_uid.get(copy.uid or "", frozenset())\n',
        "        ids: frozenset[str] = frozenset()\n",
        "one meeting in two calendars becomes two records",
    ),
    Fault(
        "syncd/core/safety.py",
        "all_in_all = len(ids) + census.deleted.get(channel, 0)",
        "all_in_all = len(ids)",
        "four deletions a minute are never too many",
    ),
    Fault(
        "syncd/core/safety.py",
        "    if ended and everywhere > allowed:\n",
        "    if False:\n",
        "a few deletions in each of 500 calendars are no disaster",
    ),
    Fault(
        "syncd/core/safety.py",
        "    if approved and more:\n",
        "    if False:\n",
        "an approval covers what it was not shown",
    ),
    Fault(
        "syncd/core/rules.py",
        "return next((r for r in self.rules if r.authority and r.concerns(path, judged)), None)",
        "return next((r for r in reversed(self.rules) if r.authority and r.concerns(path, judged)),"
        " None)",
        "the last rule that matches wins",
    ),
    Fault(
        "syncd/core/paths.py",
        "kept = {key: value for key, value in merged.items() if value is not None}",
        "kept = merged",
        "an element that was removed stays",
    ),
    Fault(
        "syncd/core/burial.py",
        "    if any(channel is not None and channel.is_crm for channel in unmet):\n",
        "    if False:\n",
        "a record that nobody has seen meets the tombstone of its visit",
    ),
    Fault(
        "syncd/core/birth.py",
        "    return [*found, *(claim for claim in agreed if claim is not None)]\n",
        "    return []\n",
        "what could not be looked at joins as a newcomer, and is put back",
    ),
    Fault(
        "syncd/core/beside.py",
        "taken = each.waited and (id, place) in known.removing",
        "taken = False",
        "a duplicate is taken for its original, which we were removing",
    ),
    Fault(
        "syncd/core/existence.py",
        "    return all(end.certainly_before(claim.span) for end in ends)\n",
        "    return True\n",
        "a record that knew nothing of it brings back what was cancelled",
    ),
    Fault(
        "syncd/core/settle.py",
        "            if claimed != decision.value and _stands_for(here, decision.path):\n",
        "            if False:\n",
        "who was not given right by the answer to a question keeps what it says",
    ),
    Fault(
        "syncd/core/paired.py",
        "    if stone.cancelled and channel.is_crm:\n",
        "    if False:\n",
        "a record that is shown late is deleted with what was only cancelled",
    ),
    Fault(
        "syncd/core/reborn.py",
        "        if behind is not None:\n",
        "        if False:\n",
        "what a copy had not been told of is taken off by who puts it back",
    ),
    Fault(
        "syncd/core/splits.py",
        "    return sorted(found, key=lambda heir: heir[0])\n",
        "    return found\n",
        "of two new series the first goes on, wherever it begins",
    ),
    Fault(
        "syncd/core/birth.py",
        "        if is_late(here, draft) or (_has_met(here, moment) and _is_ours(id, here)):\n",
        "        if is_late(here, draft):\n",
        "our copy in a channel that returns is taken for one that its person pasted",
    ),
    Fault(
        "syncd/core/birth.py",
        "    return here.newcomer and (first or here.channel.name in moment.contacts)\n",
        "    return here.newcomer and here.channel.name in moment.contacts\n",
        "the same where the daemon dies between the first contact and the decision",
    ),
    Fault(
        "syncd/core/splits.py",
        "    begun, kept = _follow(old.intents, changes)\n",
        "    begun, kept = _follow((), changes)[0], old.intents\n",
        "what was written to a row is its channel's own once its series is split",
    ),
    Fault(
        "syncd/core/splits.py",
        "    followed = tuple((each.id, each.write.slot) for each in begun)\n",
        "    followed = ()\n",
        "the same where nobody has seen it yet when the series is split",
    ),
    Fault(
        "syncd/core/draft.py",
        "        if asked.overrides and own[0] in OVERRIDABLE_FIELDS:\n",
        "        if False:\n",
        "an occurrence is believed to be told what its series had for a while",
    ),
    Fault(
        "syncd/core/owe.py",
        "replace(settled, asked=asked, disputed=left)",
        "replace(settled, disputed=left)",
        "what reads as decided is believed to have what it was asked before",
    ),
    Fault(
        "syncd/core/claims.py",
        "    return _lifted((name,), raw, was, full, here.channel.fidelity), raw\n",
        "    return raw, raw\n",
        "a guest of one row takes the names of the others",
    ),
)
