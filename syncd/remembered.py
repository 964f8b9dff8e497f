"""What the channels carry, as they said last: so that plans can be drawn up without asking them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from syncd.config import BridgeSettings
from syncd.core.channel import Policy
from syncd.core.fidelity import Fidelity
from syncd.former import with_former_addresses
from syncd.people import People
from syncd.plugins import Chooses, plugin
from syncd.store import Store

_SETS = ("carries", "attendee_parts", "customer_parts", "override_fields")


def remember_fidelity(store: Store, channel: str, fidelity: Fidelity, connector: str) -> None:
    """Note what ``channel`` (``bridge/name``) carries. ``connector``: which one said so."""
    encoded = _encoded(fidelity, connector)
    if store.meta_get(_name(channel)) != encoded:
        store.meta_set(_name(channel), encoded)


def remembered_fidelity(store: Store, channel: str) -> Fidelity | None:
    """What ``channel`` carried when it last said so; ``None`` if it never did.

    Raises ``ConfigError`` if its connector, which knows what series it holds, cannot be used.
    """
    told = store.meta_get(_name(channel))
    return _decoded(told) if told is not None else None


def remembered_policy(store: Store, bridge: BridgeSettings, people: People) -> Policy:
    """What settling of a bridge goes by, without the channels that were never reached."""
    told = {
        each.name: remembered_fidelity(store, f"{bridge.name}/{each.name}")
        for each in bridge.channels
    }
    fidelities = {name: each for name, each in told.items() if each is not None}
    return bridge.policy(fidelities, with_former_addresses(store, people))


def _name(channel: str) -> str:
    return f"fidelity:{channel}"


def _encoded(fidelity: Fidelity, connector: str) -> str:
    told = asdict(fidelity)
    del told["alters"]  # derived
    if told.pop("series") is not None:  # which ones is for its connector to say, not for a text
        told["series"] = connector
    return json.dumps(
        {name: sorted(v) if isinstance(v, frozenset) else v for name, v in told.items()},
        sort_keys=True,
    )


def _decoded(text: str) -> Fidelity:
    told = json.loads(text)
    kept: dict[str, Any] = {n: frozenset(v) if n in _SETS else v for n, v in told.items()}
    name = kept.pop("series", None)
    connector = plugin(name) if name else None
    if isinstance(connector, Chooses):
        kept["series"] = connector.expresses
    return Fidelity(**kept)
