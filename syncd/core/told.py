"""What history keeps of a copy that says something else than it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncd.core.draft import agreed_path, whole_path
from syncd.core.model import Value
from syncd.core.paths import Path, get, patch
from syncd.core.situation import Here
from syncd.core.state import Kind, Record


def told(
    kind: Kind, rule: str, here: Here, owed: Mapping[Path, Value], paths: Iterable[Path]
) -> list[Record]:
    """What the copy says at those ``paths`` at which it is ``owed`` something else, by its own."""
    if here.copy is None:
        return []
    says, slot = here.copy.reads, here.place[1]
    shall = patch(says, owed)
    return [
        Record(
            kind,
            agreed_path(slot, path),
            rule,
            value=get(shall, path),
            claims=((here.channel.name, get(says, path)),),
        )
        for path in dict.fromkeys(whole_path(slot, each) for each in paths)
    ]
