"""Many values in little memory: a first look at a calendar may bring thousands of copies.

Copies are alike, so that fifty of them together, compressed, take little more than one.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, overload

FEW = 50
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
            self._packs.append(_packed(self._open))
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
            yield from _unpacked(pack)
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
        return _unpacked(self._packs[pack])[rest]  # type: ignore[no-any-return]  # what was packed


class _Pickler(pickle.Pickler):
    """Takes frozen dataclasses apart three times as fast as they do it themselves: they look
    their fields up for each instance anew, going and coming."""

    def reducer_override(self, value: object) -> Any:
        kind = type(value)
        if not is_dataclass(kind):
            return NotImplemented
        return _restored, (kind, *_parts_of(kind)(value))


class _Compressed:
    """What is written to it, compressed."""

    def __init__(self) -> None:
        self._compressor, self._parts = zlib.compressobj(1), list[bytes]()

    def write(self, data: bytes) -> int:
        """Write some more."""
        self._parts.append(self._compressor.compress(data))
        return len(data)

    def whole(self) -> bytes:
        """All of it, at the end."""
        return b"".join((*self._parts, self._compressor.flush()))


def _packed(values: Sequence[object]) -> bytes:
    written = _Compressed()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(values)
    return written.whole()


def _unpacked(pack: bytes) -> Any:
    return pickle.loads(zlib.decompress(pack))  # noqa: S301  # packed in this very process, nobody else has had it


def _restored(kind: Any, *values: object) -> object:
    """The instance that had these values, not judged again."""
    built = object.__new__(kind)
    for put, value in zip(_setters_of(kind), values, strict=True):
        put(built, value)
    return built


@cache
def _parts_of(kind: Any) -> Callable[[object], tuple[object, ...]]:
    """What answers the values of an instance, in order."""
    names = [each.name for each in fields(kind)]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


@cache
def _setters_of(kind: Any) -> tuple[Callable[[object, object], None], ...]:
    """What sets each value of an instance, in order, frozen or not: all kinds here have slots."""
    return tuple(getattr(kind, each.name).__set__ for each in fields(kind))
