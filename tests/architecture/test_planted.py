"""The faults that are planted in the core are those of the core as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planted.fault import Fault
from tests.planted.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_the_sound_text_stands_there_once(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text("utf-8").count(fault.sound) == 1
