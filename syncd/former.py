"""The addresses that colleagues had before: who gets another one stays the same colleague."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.people import Colleague, People
from syncd.store import Store

_FACT = "addresses"
"""The store's fact: the id of each colleague to all addresses so far, the latest last."""


def with_former_addresses(store: Store, people: People) -> People:
    """``people``, with the addresses that those with an ``id`` had when the file was read before
    among their aliases, unless somebody else goes by them now. Remembers today's."""
    known: dict[str, list[str]] = json.loads(store.meta_get(_FACT) or "{}")
    now = dict(known)
    for each in people.everybody:
        had = known.get(each.id, [])
        if each.id and had[-1:] != [each.email]:
            now[each.id] = [*(address for address in had if address != each.email), each.email]
    if now != known:
        store.meta_set(_FACT, json.dumps(now, ensure_ascii=False))
    return replace(people, everybody=tuple(_joined(people, now)))


def _joined(people: People, known: Mapping[str, Sequence[str]]) -> list[Colleague]:
    taken = people.addresses
    had_by = Counter(address for addresses in known.values() for address in addresses)
    joined = []
    for each in people.everybody:
        former = [a for a in known.get(each.id, ()) if a not in taken and had_by[a] == 1]
        joined.append(replace(each, aliases=(*each.aliases, *former)) if former else each)
    return joined
