"""Notifications: what is wrong is told to an administrator, once, and when it is over.

:mod:`~syncd.notify.facts` gathers, :mod:`~syncd.notify.alerts` judges (pure),
:mod:`~syncd.notify.ledger` decides what is news (pure), :mod:`~syncd.notify.words` says it,
:mod:`~syncd.notify.place` delivers it.
"""

from __future__ import annotations

from syncd.notify.facts import Seen
from syncd.notify.notifier import Notifier, try_all
from syncd.notify.place import Tried

__all__ = ["Notifier", "Seen", "Tried", "try_all"]
