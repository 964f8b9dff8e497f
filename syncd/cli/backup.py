"""What ``syncd backup`` and ``syncd restore`` print."""

from __future__ import annotations

from pathlib import Path

from syncd.backup import Contents, Restored
from syncd.cli.console import line, print_json


def backed_up(file: Path, found: Contents, json: bool) -> None:
    """What the backup holds."""
    if json:
        print_json({"file": str(file), **_told(found)})
    else:
        line(f"{file}: {_counted(found)}")


def restored(file: Path, found: Restored, json: bool) -> None:
    """What was put back, and where the state before is."""
    kept = str(found.kept) if found.kept is not None else None
    if json:
        told = {"kept": kept, "unreadable": found.unreadable}
        print_json({"file": str(file), **_told(found.contents), **told})
        return
    line(
        f"{file} of {found.contents.at:%Y-%m-%d %H:%M} UTC is restored: ", _counted(found.contents)
    )
    if kept is not None and found.unreadable:
        line(f"the state before it could not be read; it is in {kept}")
    elif kept is not None:
        line(f"the state before it is in {kept}; to go back: syncd restore {kept}")
    line("what has changed since then is taken for people's edits; look first: syncd plan")


def _told(found: Contents) -> dict[str, object]:
    return {
        "at": found.at.isoformat(timespec="seconds"),
        "version": found.version,
        "installation": found.installation,
        "appointments": found.appointments,
        "copies": found.copies,
    }


def _counted(found: Contents) -> str:
    return f"{found.appointments} appointments, {found.copies} copies"
