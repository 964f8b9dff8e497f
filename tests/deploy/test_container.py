"""The image: what is built into it, and how it runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from syncd.config import template
from tests.architecture.tree import ROOT
from tests.deploy.world import BIN, DEPLOY, exchanged

CONTAINERFILE = DEPLOY / "container" / "Containerfile"


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", CONTAINERFILE.read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def _last_stage() -> list[tuple[str, str]]:
    found = _instructions()
    start = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def test_hadolint_has_no_complaint() -> None:
    done = subprocess.run(
        [str(BIN / "hadolint"), "--failure-threshold=style", str(CONTAINERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_it_is_not_root() -> None:
    """A number, since Kubernetes cannot tell whether a name is root."""
    users = [rest for word, rest in _last_stage() if word == "USER"]
    assert len(users) == 1
    user, group = users[0].split(":")
    assert int(user) > 0
    assert int(group) > 0
    words = [word for word, _ in _last_stage()]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "RUN" not in words[words.index("USER") :]


def test_it_is_built_in_stages() -> None:
    stages = [rest for word, rest in _instructions() if word == "FROM"]
    assert len(stages) == 2
    assert all(re.fullmatch(r"[a-z]+:[0-9.]+(-\w+)?( AS \w+)?", each) for each in stages)
    copied = [rest for word, rest in _last_stage() if word == "COPY"]
    assert copied
    assert all(each.startswith("--from=build ") for each in copied), "only what was built"


def test_its_commands_are_no_shell() -> None:
    """A shell as first process would swallow SIGTERM."""
    found = [rest for word, rest in _instructions() if word in ("ENTRYPOINT", "CMD")]
    assert [json.loads(rest) for rest in found] == [["syncd"], ["run"]]
    assert not [rest for word, rest in _instructions() if word == "ADD"]


def test_what_it_copies_is_there_and_not_ignored() -> None:
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    for word, rest in _instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists(), name
                assert name in kept


def test_no_secret_is_built_in() -> None:
    """``ARG`` and ``ENV`` are shown by ``podman history`` to everybody."""
    named = " ".join(rest for word, rest in _instructions() if word in ("ARG", "ENV"))
    assert not re.search(r"(?i)password|token|secret\b|api_?key", named.replace("/run/secrets", ""))


def health_check(port: int) -> list[str]:
    """What the image runs to know whether it is healthy, with another port."""
    (rest,) = (rest for word, rest in _last_stage() if word == "HEALTHCHECK")
    program, *words, code = json.loads(rest.partition("CMD ")[2])
    assert program == "python"
    return [sys.executable, *words, exchanged(code, (":8480/healthz", f":{port}/healthz"))]


@contextmanager
def _page(status: HTTPStatus) -> Iterator[int]:
    """A page on loopback that answers ``/healthz`` with ``status``; its port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else HTTPStatus.NOT_FOUND)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "healthy"), [(HTTPStatus.OK, True), (HTTPStatus.SERVICE_UNAVAILABLE, False)]
)
def test_the_health_check(status: HTTPStatus, healthy: bool) -> None:
    assert '"127.0.0.1:8480"' in template(), "the port that syncd has by default"
    with _page(status) as port:
        command = health_check(port)
        done = subprocess.run(command, check=False, capture_output=True)
    assert (done.returncode == 0) is healthy
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode != 0, "nobody is there any more"


def test_time_zones_come_with_a_package() -> None:
    assert '"tzdata>=' in (ROOT / "pyproject.toml").read_text("utf-8")
