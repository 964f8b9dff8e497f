"""The first load of a calendar at Google and at Microsoft, through the whole of ``syncd sync``:
their fakes on loopback, each answer 50 ms late."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.crm import fill_table
from bench.ours import Ours
from bench.table import Row
from tests.vendors.late import PERSON, late_google, late_graph

LATENCY = 0.05
MOST = 1.5

_CHANNEL = """
[[bridges.channels]]
system = "{name}"
calendar = "{person}"
admits = "all"
holds = "all"
"""


def run(count: int = 1000) -> Iterator[Row]:
    """``count`` visits of a CRM into an empty calendar, beside what the latency alone takes."""
    for name, start in (("google", late_google), ("microsoft365", late_graph)):
        with tempfile.TemporaryDirectory() as folder:
            ours = Ours(Path(folder) / "ours", {}, crm=True)
            fill_table(ours.folder / "crm.db", count)
            with start(LATENCY) as (options, at_once):
                yield _load(ours, name, options, at_once, count)


def _load(ours: Ours, name: str, options: dict[str, str | int], at_once: int, count: int) -> Row:
    lines = [f"[systems.{name}]", f'connector = "{name}"']
    for key, value in options.items():
        if key == "service_account":
            (ours.folder / "key.json").write_text(str(value), "utf-8")
            (ours.folder / "key.json").chmod(0o600)
            lines.append('service_account = { file = "key.json" }')
        else:
            lines.append(f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"')
    text = ours.config.read_text("utf-8")
    channel = _CHANNEL.format(name=name, person=PERSON)
    ours.config.write_text("\n".join([text, *lines, channel]), "utf-8")
    before = _own_cpu()
    process, told = ours.sync()
    cpu = _own_cpu() - before
    if told["state"] != "converged" or told["channels"][1]["created"] != count:
        raise RuntimeError(f"the first load came to {told}")
    floor = count * LATENCY / at_once
    return Row(
        f"{name}: first load of {count:,} events, {LATENCY * 1000:.0f} ms late",
        told["seconds"],
        "s",
        floor,
        target=f"≤ {MOST} × floor",
        met=told["seconds"] <= MOST * floor,
        note=f"floor: creates x latency / {at_once} at once; {told['cycles']} cycles, "
        f"{told['channels'][1]['requests']} requests; own CPU {cpu:.1f} s of the "
        f"{process.seconds:.1f} s from start to end; the fake shares the machine",
    )


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
