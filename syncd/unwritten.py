"""Who did not take what was last written to it: a channel that is seen may still refuse writes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from syncd.errors import ConnectorError
from syncd.store import Store

OWED_WITHIN = timedelta(hours=6)
"""What is due within this time is owed; later things are the horizon's, a day ahead."""

_NAME = "unwritten:"


class Unwritten:
    """Of one bridge, by system or channel (id), why it did not; kept in the state for
    ``syncd status``."""

    def __init__(self, bridge: str, store: Store) -> None:
        self._bridge, self._store = bridge, store
        self._errors = unwritten(store, bridge)

    def carried_out(
        self, written: Collection[str], down: Mapping[str, ConnectorError]
    ) -> list[str]:
        """``written``: systems and channels that took a write, ``down``: those that did not.
        Returns those that take writes again."""
        back = sorted((self._errors.keys() & set(written)) - down.keys())
        errors = {name: text for name, text in self._errors.items() if name not in back}
        self._keep({**errors, **{name: str(error) for name, error in down.items()}})
        return back

    @property
    def is_owed(self) -> bool:
        """Whether something is still to be written to somebody who did not take it."""
        return bool(self._errors)

    def look(self, now: datetime) -> list[str]:
        """Whether anything is still owed: what was not written may have been edited away.
        Returns those of whom that is over."""
        if not self._errors:
            return []
        retry = self._store.next_retry(self._bridge)
        if retry is not None and retry < now + OWED_WITHIN:
            return []
        before = sorted(self._errors)
        self._keep({})
        return before

    def _keep(self, errors: dict[str, str]) -> None:
        if errors != self._errors:
            self._errors = errors
            text = json.dumps(errors, ensure_ascii=False) if errors else ""
            self._store.meta_set(f"{_NAME}{self._bridge}", text)


def unwritten(store: Store, bridge: str) -> dict[str, str]:
    """By system or channel (id), why it did not take what was last written to it."""
    text = store.meta_get(f"{_NAME}{bridge}")
    return dict(json.loads(text)) if text else {}
