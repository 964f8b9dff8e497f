"""Values that are packed, and writes that are outlined, tell the same as the whole ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from syncd.core.model import Appointment, Status
from syncd.core.packed import Packed
from syncd.core.safety import fingerprint, is_ending, outline
from syncd.core.state import Copy, Operation, Write
from tests.core.values import at
from tests.strategies import appointments


def some(number: int) -> list[Copy]:
    odd = "王小姐 🚗 \ud800 \x00"
    return [
        Copy(f"k{n}", str(n), f"wire {n} {odd}", Appointment(at(2, 9), title=f"{n} {odd}"))
        for n in range(number)
    ]


@pytest.mark.parametrize("number", [0, 1, 3, 52, 53, 54, 103, 160])
def test_what_comes_out_went_in(number: int) -> None:
    values = some(number)
    packed = Packed(values, few=3)
    assert len(packed) == number
    assert list(packed) == list(packed) == values
    assert [packed[n] for n in range(number)] == values
    assert [packed[-n] for n in range(1, number + 1)] == values[::-1]
    assert packed[1:120:7] == tuple(values[1:120:7])
    assert list(packed.told()) == values
    with pytest.raises(IndexError):
        packed[number]


def test_few_values_are_told_as_they_are() -> None:
    values = some(3)
    assert all(a is b for a, b in zip(Packed(values).told(), values, strict=True))
    assert Packed().told() == ()


@given(appointments())
def test_an_outline_is_judged_as_its_write(appointment: Appointment) -> None:
    base = Copy("k", "1", "wire", appointment)
    cancelled = replace(appointment, status=Status.CANCELLED)
    writes = [
        Write("cal", "", Operation.CREATE, appointment, appointment),
        Write("cal", "", Operation.UPDATE, appointment, appointment, base, (("title",),), "edited"),
        Write("cal", "", Operation.UPDATE, cancelled, cancelled, base, (("status",),), "over"),
        Write("cal", "", Operation.DELETE, base=base, reason="gone"),
    ]
    for write in writes:
        short = outline("a1", write)
        assert fingerprint("a1", short) == fingerprint("a1", write)
        assert is_ending(short) == is_ending(write)
        assert (short.channel, short.paths, short.reason) == (
            write.channel,
            write.paths,
            write.reason,
        )
        assert short.content is short.asked is short.base is None
