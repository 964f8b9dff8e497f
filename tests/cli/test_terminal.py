"""What a terminal shows: progress, colours, and tables that fit it; a pipe sees none of that."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.console import Console

from syncd.cli.tables import Column, numbers, table
from tests.cli.terminal import on_a_terminal
from tests.office import Office


def test_progress_is_shown_on_a_terminal_only(office: Office) -> None:
    """The same command twice: a terminal sees what goes on, a pipe sees the result alone."""
    office.visits(3)
    code, shown = on_a_terminal(office, "sync")
    assert code == 0
    assert "looking at every channel" in shown
    assert "converged" in shown
    assert "\x1b[" in shown
    piped = office.run("sync")
    assert piped.returncode == 0
    assert piped.stderr == ""
    assert "\x1b" not in piped.stdout
    assert "looking at every channel" not in piped.stdout


def test_json_on_a_terminal_is_json_alone(office: Office) -> None:
    """No progress and no colour between the braces."""
    office.visits(1)
    code, shown = on_a_terminal(office, "sync", "--json")
    assert code == 0
    assert shown.strip().startswith('{"bridges":')
    assert "\x1b" not in shown


WORDS = ("created", "updated", "deleted", "unchanged", "conflicts", "failed")


@pytest.mark.parametrize("name", ["alice", "calendar-alice", "王芳的日历", "réunion-équipe-ÎdF"])
@pytest.mark.parametrize("width", [80, 100, 60])
def test_names_stay_whole(name: str, width: int) -> None:
    """Names are not folded where leaving out lesser columns makes room, Chinese ones included."""
    columns = [Column("channel"), Column("system", drop=3), *numbers(*WORDS)]
    columns.append(Column("requests", drop=2, right=True))
    rows = [[name, f"system-of-{name}", *("1000" for _ in WORDS), "12345"]]
    lines = _lines(columns, rows, width)
    assert all(cell_len(line) <= width for line in lines)
    if width >= 80:
        assert lines[1].split()[0] == name
        assert len(lines) == 2


def test_everything_is_shown_where_there_is_room() -> None:
    """A wide terminal drops nothing."""
    columns = [Column("channel"), Column("system", drop=1)]
    assert _lines(columns, [["crm", "odoo"]], 80) == ["channel  system", "crm      odoo"]


def test_brackets_are_no_markup() -> None:
    """A name with brackets is shown as it is."""
    assert _lines([Column("channel")], [["[red]x[/red]"]], 80)[1] == "[red]x[/red]"


def test_long_errors_go_on_below_their_column() -> None:
    """The last column is folded, the others keep their place."""
    columns = [Column("channel"), Column("error", wraps=True)]
    lines = _lines(columns, [["alice", "the server does not answer " * 8]], 80)
    assert len(lines) > 3
    assert all(cell_len(line) <= 80 for line in lines)
    assert all(line.startswith(" " * 9) for line in lines[2:])


def _lines(columns: list[Column], rows: list[list[str]], width: int) -> list[str]:
    out = Console(width=width, highlight=False, color_system=None)
    with out.capture() as captured:
        out.print(table(columns, rows, width))
    return [line.rstrip() for line in captured.get().splitlines()]
