"""``syncd undo`` while the daemon is at work: the next round carries it out."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server


def test_a_mistake_is_taken_back_under_a_running_daemon(
    tmp_path: Path, radicale_server: Server
) -> None:
    """Found by words, shown, ordered by another process; back everywhere; nothing of it is in
    the daemon's log (invariant 11). Then a whole hour of deletions that were held."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    office = Office(tmp_path, [Desk("alice", radicale_server, url)])
    office.visits(12)
    desk = office.desks[0]
    before = sorted(row["subject"] for row in office.rows())
    with daemon(office) as running:
        assert wait_for(lambda: desk.titles() == before)
        office.change(1, subject="irrtümlich 错误")
        assert wait_for(lambda: "irrtümlich 错误" in desk.titles())
        done = office.run("undo", "错误", "--yes", "--json")
        assert json.loads(done.stdout)["carried_out"] is True, done.stderr
        assert wait_for(lambda: desk.titles() == before)
        assert sorted(row["subject"] for row in office.rows()) == before
        for path in sorted(desk.items())[:8]:
            desk.server.delete(path)
        assert running.said("held")
        taken = office.run("undo", "--since", "1h", "--channel", "alice", "--yes", "--json")
        assert len(json.loads(taken.stdout)["taken"]) == 8, taken.stderr
        assert wait_for(lambda: desk.titles() == before)
        assert {row["state"] for row in office.rows()} == {"confirmed"}
        running.end()
    log = "\n".join(running.lines)
    assert "错误" not in log
    assert "拜访客户" not in log
