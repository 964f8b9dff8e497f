"""The store: the only thing that observing, settling and writing share."""

from syncd.store.agreements import Found, OpenQuestion
from syncd.store.away import is_away
from syncd.store.channels import ChannelState
from syncd.store.database import clearly
from syncd.store.holds import Approval, Hold, HoldState, LoggedWrite
from syncd.store.look import Look, fits
from syncd.store.observed import Observed
from syncd.store.owed import Debt, Owed, PutOff, Spot
from syncd.store.records import Aside, Doubt, HistoryEntry
from syncd.store.schema import KEY_LIMIT
from syncd.store.stats import Levels, Stats, WaitingRows
from syncd.store.store import Store
from syncd.store.watches import Former, Kept

__all__ = [
    "KEY_LIMIT",
    "Approval",
    "Aside",
    "ChannelState",
    "Debt",
    "Doubt",
    "Former",
    "Found",
    "HistoryEntry",
    "Hold",
    "HoldState",
    "Kept",
    "Levels",
    "LoggedWrite",
    "Look",
    "Observed",
    "OpenQuestion",
    "Owed",
    "PutOff",
    "Spot",
    "Stats",
    "Store",
    "WaitingRows",
    "clearly",
    "fits",
    "is_away",
]
