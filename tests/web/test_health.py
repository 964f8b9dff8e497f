"""Alive and ready: which part is not, in JSON, without personal data."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from syncd.pulse import Pulse
from syncd.results import BridgeResult, State
from syncd.store import Store
from syncd.web.health import ALIVE_WITHIN
from tests.web.conftest import Serving, ask


def _cycled(pulse: Pulse, bridge: str, state: State = State.CONVERGED) -> None:
    reason = "alice: 401 for alice@example.com"
    pulse.cycled([BridgeResult(bridge, state, 1, 0.5, reason)], 0.5, datetime.now(UTC))


def _parts(told: dict[str, object]) -> dict[str, bool]:
    parts = told["parts"]
    assert isinstance(parts, list)
    return {part["name"]: part["ok"] for part in parts}


def test_alive_while_the_loop_gets_on(serving: Serving, pulse: Pulse) -> None:
    with serving() as url:
        assert ask(f"{url}/healthz").told["alive"] is True
        pulse.beat(time.monotonic())
        assert ask(f"{url}/healthz").status == 200
        pulse.beat(time.monotonic() - ALIVE_WITHIN - 5)
        answer = ask(f"{url}/healthz")
    assert answer.status == 503
    assert answer.told["alive"] is False
    assert "no progress for 60" in answer.text


def test_ready_once_every_bridge_has_ended_a_cycle(serving: Serving, pulse: Pulse) -> None:
    """However it ended: a dead server of the company is no reason to restart the daemon."""
    pulse.configured(["sales", "werkstatt 上海"], ["crm"])
    with serving() as url:
        assert _parts(ask(f"{url}/readyz").told)["bridge sales"] is False
        _cycled(pulse, "sales")
        waiting = ask(f"{url}/readyz")
        _cycled(pulse, "werkstatt 上海", State.FAILED)
        ready = ask(f"{url}/readyz")
    assert waiting.status == 503
    assert waiting.told["ready"] is False
    assert _parts(waiting.told) == {
        "store": True,
        "configuration": True,
        "bridge sales": True,
        "bridge werkstatt 上海": False,
    }
    assert ready.status == 200
    assert ready.told["ready"] is True
    assert "alice" not in ready.text


def test_not_ready_while_cycles_break_off(serving: Serving, pulse: Pulse) -> None:
    """As they do where the disk is full; ready again after the next cycle that ends."""
    _cycled(pulse, "sales")
    pulse.broke("sales")
    with serving() as url:
        broken = ask(f"{url}/readyz")
        _cycled(pulse, "sales")
        mended = ask(f"{url}/readyz")
    assert (broken.status, mended.status) == (503, 200)
    assert "broke off" in broken.text


def test_not_ready_without_a_configuration(serving: Serving, sources: object) -> None:
    fresh = Pulse()
    object.__setattr__(sources, "pulse", fresh)
    with serving() as url:
        answer = ask(f"{url}/readyz")
    assert answer.status == 503
    assert _parts(answer.told)["configuration"] is False


def test_a_refused_reload_is_told_without_its_words(serving: Serving, pulse: Pulse) -> None:
    """The old configuration is at work, so it is ready; the log has the file and the line."""
    _cycled(pulse, "sales")
    pulse.reloaded("syncd.toml:4: password of alice@example.com")
    with serving() as url:
        answer = ask(f"{url}/readyz")
        metrics = ask(f"{url}/metrics").text
    assert answer.status == 200
    assert "refused" in answer.text
    assert "alice" not in answer.text
    assert "syncd_reload_refused 1.0" in metrics


@pytest.mark.parametrize("page", ["/readyz", "/metrics"])
def test_a_store_that_is_gone(serving: Serving, store: Store, pulse: Pulse, page: str) -> None:
    """The pages say so, and show what does not come from the store."""
    _cycled(pulse, "sales")
    with serving() as url:
        with store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE meta RENAME TO meta_away")
            connection.exec_driver_sql("ALTER TABLE observed RENAME TO observed_away")
        answer = ask(url + page)
        alive = ask(f"{url}/healthz")
    assert alive.status == 200
    if page == "/readyz":
        assert answer.status == 503
        assert _parts(answer.told) == {"store": False, "configuration": True, "bridge sales": True}
    else:
        assert "syncd_store_up 0.0" in answer.text
        assert "syncd_copies" not in answer.text
        assert 'syncd_last_cycle_timestamp_seconds{bridge="sales"}' in answer.text
