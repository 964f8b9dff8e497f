"""Many copies in little memory: a first look at a calendar may bring thousands."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import overload

from connectors.caldav.translate import read
from syncd.core.state import Copy, Key, Version

FEW = 200
"""So many copies are kept as they are."""


class Packed(Sequence[Copy]):
    """Copies in order; beyond :data:`FEW` only as compressed wire forms (an eighth of a copy's
    memory, measured), from which they are read again, each time that they are looked at."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own
        self._kept: list[Copy] = []
        self._packed: list[tuple[Key, Version | None, bytes]] = []

    def append(self, copy: Copy) -> None:
        """Add a copy, which is what its wire form reads as."""
        if len(self._kept) < FEW:
            self._kept.append(copy)
        else:
            wire = zlib.compress(copy.wire.encode("utf-8", "surrogatepass"), 1)
            self._packed.append((copy.key, copy.version, wire))

    def told(self) -> Sequence[Copy]:
        """The copies as an answer has them."""
        return self if self._packed else tuple(self._kept)

    def __len__(self) -> int:
        return len(self._kept) + len(self._packed)

    def __iter__(self) -> Iterator[Copy]:
        yield from self._kept
        for each in self._packed:
            yield self._unpacked(*each)

    @overload
    def __getitem__(self, index: int) -> Copy: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Copy, ...]: ...
    def __getitem__(self, index: int | slice) -> Copy | tuple[Copy, ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        place = index if index >= 0 else len(self) + index
        if not 0 <= place < len(self):
            raise IndexError(index)
        few = len(self._kept)
        return self._kept[place] if place < few else self._unpacked(*self._packed[place - few])

    def _unpacked(self, key: Key, version: Version | None, wire: bytes) -> Copy:
        return read(key, version, zlib.decompress(wire).decode("utf-8", "surrogatepass"), self._own)
