"""The demo world in containers: its file is right, and what it composes works together."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.world import BIN, COMPOSE, DEPLOY, World, exchanged, listening
from tests.servers import free_port

FILE = COMPOSE / "compose.yaml"
FOUND: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = FOUND["services"]


def test_it_follows_the_compose_specification() -> None:
    """The schema comes with check-jsonschema: no request."""
    done = subprocess.run(
        [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert not {"privileged", "cap_add", "user", "pid"} & service.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_there(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"([a-z]+/)?[a-z]+:(demo|v?[0-9.]+)", service["image"])
    for mount in service.get("volumes", []):
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            assert (COMPOSE / source).exists(), source
            assert rest.endswith(":ro"), mount
        else:
            assert source in FOUND["volumes"], source
    assert set(service.get("depends_on", {})) <= SERVICES.keys()
    if "build" in service:
        assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_only_monitoring_is_optional() -> None:
    optional = {name for name, service in SERVICES.items() if "profiles" in service}
    assert optional == {"prometheus", "grafana"}
    assert all(SERVICES[name]["profiles"] == ["monitoring"] for name in optional)


def test_prometheus_and_grafana_ask_who_is_there() -> None:
    scraped = yaml.safe_load((COMPOSE / "prometheus.yml").read_text("utf-8"))
    targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    source = yaml.safe_load((COMPOSE / "grafana-datasources.yaml").read_text("utf-8"))
    asked = [*targets, source["datasources"][0]["url"].removeprefix("http://")]
    for address in asked:
        host, _, port = address.partition(":")
        assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    shown = yaml.safe_load((COMPOSE / "grafana-dashboards.yaml").read_text("utf-8"))
    inside = [mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]]
    assert shown["providers"][0]["options"]["path"] in inside


def test_webhooks_are_published_to_a_proxy_of_this_machine(tmp_path: Path) -> None:
    """The second file adds the one port, where the lines in its head let syncd listen."""
    file = COMPOSE / "webhooks.yaml"
    done = subprocess.run(
        [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    added = yaml.safe_load(file.read_text("utf-8"))
    webhooks = listening(file, COMPOSE / "syncd.toml", tmp_path, {"DEMO_PASSWORD": "demo"})
    port = webhooks.listen.port
    assert added == {"services": {"syncd": {"ports": [f"127.0.0.1:{port}:{port}"]}}}
    taken = {each for service in SERVICES.values() for each in service.get("ports", [])}
    assert not taken & set(added["services"]["syncd"]["ports"])
    assert f"-f {file.relative_to(DEPLOY.parent)} " in file.read_text("utf-8")


def test_the_calendar_server_is_where_syncd_looks() -> None:
    parser = ConfigParser(interpolation=None)
    parser.read(COMPOSE / "radicale.conf", "utf-8")
    port = parser["server"]["hosts"].rpartition(":")[2]
    users = [line.split(":") for line in (COMPOSE / "users").read_text("utf-8").splitlines()]
    config = (COMPOSE / "syncd.toml").read_text("utf-8")
    assert SERVICES["radicale"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    for user, password in users:
        assert f'url = "http://radicale:{port}/{user}/"' in config
        assert SERVICES["syncd"]["environment"] == {"DEMO_PASSWORD": password}
    assert list(json.loads(parser["storage"]["predefined_collections"])) == ["work"]


def test_the_demo_world_becomes_equal(world: World) -> None:
    """The same files, started by hand: Radicale makes the calendars, syncd fills them."""
    checked = world.run("check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = world.run("sync", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (bridge,) = json.loads(done.stdout)["bridges"]
    assert bridge["state"] == "converged"
    created = {each["name"]: each["created"] for each in bridge["channels"]}
    assert created["crm"] == 0
    assert all(created[name] > 20 for name in ("alice", "bob", "wangfang"))


def test_the_calendar_server_is_healthy(world: World) -> None:
    """Its check in the file, with the port of this test; where nobody listens it fails."""
    word, program, *rest = SERVICES["radicale"]["healthcheck"]["test"]
    assert (word, program) == ("CMD", "python")
    for port, code in ((world.calendar_port, 0), (free_port(), 1)):
        asked = [sys.executable, *exchanged("\n".join(rest), ("5232", str(port))).split("\n")]
        assert subprocess.run(asked, capture_output=True, check=False).returncode == code


def test_the_crm_is_made_once(world: World) -> None:
    """A second ``up`` keeps what is there."""
    crm = world.state / "crm.db"
    before = crm.read_bytes()
    subprocess.run([sys.executable, str(COMPOSE / "crm.py"), str(crm)], check=True)
    assert crm.read_bytes() == before


def test_every_yaml_file_can_be_read() -> None:
    found = [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")]
    assert len(found) > 10
    for path in found:
        assert list(yaml.safe_load_all(path.read_text("utf-8"))), Path(path).name
