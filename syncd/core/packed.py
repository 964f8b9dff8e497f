"""Many values in little memory: a first look at a calendar may bring thousands of copies.

Copies are alike, so that fifty of them together, compressed, take little more than one.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

FEW = 200
"""So many values are kept as they are."""

_TOGETHER = 50

T = TypeVar("T")


class Packed(Sequence[T], Generic[T]):
    """Values in order; those beyond the first ``few`` are packed, and unpacked each time that
    they are looked at. What comes out is equal to what went in, not the same object."""

    def __init__(self, values: Iterable[T] = (), *, few: int = FEW) -> None:
        self._few = few
        self._kept: list[T] = []
        self._packs: list[bytes] = []
        self._open: list[T] = []
        self.extend(values)

    def append(self, value: T) -> None:
        """Add a value."""
        if len(self._kept) < self._few:
            self._kept.append(value)
            return
        self._open.append(value)
        if len(self._open) == _TOGETHER:
            self._packs.append(zlib.compress(pickle.dumps(self._open, pickle.HIGHEST_PROTOCOL), 1))
            self._open = []

    def extend(self, values: Iterable[T]) -> None:
        """Add values."""
        for value in values:
            self.append(value)

    def told(self) -> Sequence[T]:
        """The values as an answer has them."""
        return self if self._packs or self._open else tuple(self._kept)

    def __len__(self) -> int:
        return len(self._kept) + len(self._packs) * _TOGETHER + len(self._open)

    def __iter__(self) -> Iterator[T]:
        yield from self._kept
        for pack in self._packs:
            yield from self._unpacked(pack)
        yield from self._open

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        place = index if index >= 0 else len(self) + index
        if not 0 <= place < len(self):
            raise IndexError(index)
        if place < len(self._kept):
            return self._kept[place]
        pack, rest = divmod(place - len(self._kept), _TOGETHER)
        if pack == len(self._packs):
            return self._open[rest]
        return self._unpacked(self._packs[pack])[rest]

    def _unpacked(self, pack: bytes) -> list[T]:
        values: list[T] = pickle.loads(zlib.decompress(pack))  # noqa: S301  # packed in this very process, nobody else has had it
        return values
