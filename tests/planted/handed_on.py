"""Faults in what becomes of copies that are handed on: calendars return, series are split."""

from __future__ import annotations

from tests.planted.fault import Fault

HANDED_ON = (
    Fault(
        "syncd/core/birth.py",
        "        if is_late(here, draft) or _has_met(here, moment):\n",
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
        "syncd/core/situation.py",
        "    return long_ago or not same\n",
        "    return not same\n",
        "a write that was never made claims for good what a copy that nobody touched is set to",
    ),
    Fault(
        "syncd/core/birth.py",
        "        if wanted and is_as_given(here, agreement, policy):\n",
        "        if wanted and here.waiting:\n",
        "what a create made that was answered as stale is taken for a person's",
    ),
    Fault(
        "syncd/core/existence.py",
        "    if before is not None and here.seen is not None and here.seen.before is None:\n",
        "    if False and before is not None:\n",
        "what a calendar has that returns is taken for what was deleted in another one, and moved",
    ),
    Fault(
        "syncd/core/paired.py",
        "each.copy.modified if not (same and each.seen.before is None) else None\n",
        "each.copy.modified\n",
        "what was deleted lives again by a copy that nobody touched, since its clock is ahead",
    ),
    Fault(
        "syncd/core/split.py",
        "    apart = abs(goes_on_at - span_utc(first, default_zone)[0])\n",
        "    apart = abs(begins - span_utc(first, default_zone)[0])\n",
        "what goes on from a series is what begins nearest, whatever its occurrences are",
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
    Fault(
        "syncd/core/continuing.py",
        "            found[channel, seen.observation.copy.key] = slot\n",
        "            pass\n",
        "a row that was moved to another key as its series is split is taken away",
    ),
    Fault(
        "syncd/core/continuing.py",
        "    return bool(coming) and not (seen and min(seen) <= min(coming))\n",
        "    return bool(coming)\n",
        "another new series passes for what goes on from one that was cut",
    ),
    Fault(
        "syncd/core/vanished.py",
        "    return called_off or any(other.gone and other.place[1] == WHOLE for other in heres)\n",
        "    return False\n",
        "the CRM's rows go with those that went as their series ended elsewhere",
    ),
)
