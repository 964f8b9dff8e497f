"""Where things are: the configuration, the mappings and rule sets that it names, and hosts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from syncd.errors import ConfigError
from syncd.problems import nearest
from syncd.tomlfile import TomlFile, parse_toml, read_toml
from syncd.validation import shown

VARIABLE = "SYNCD_CONFIG"
"""The environment variable that names the configuration."""

SEARCHED = (Path("syncd.toml"), Path("/etc/syncd/syncd.toml"))
"""Where the configuration is looked for, in this order."""

_ABSOLUTE_LOOKING = ("var/", "etc/", "opt/", "srv/", "home/", "tmp/", "data/", "root/", "mnt/")


def find_config(given: str | None, environ: Mapping[str, str], folder: Path) -> Path:
    """The configuration: ``given`` (``--config``), ``$SYNCD_CONFIG``, or where it is searched.

    ``folder`` is the current one. Raises ``ConfigError`` if there is none anywhere.
    """
    named = given or environ.get(VARIABLE)
    if named:
        return folder / named
    for place in SEARCHED:
        if (folder / place).is_file():
            return folder / place
    places = ", ".join(str(place) for place in SEARCHED)
    raise ConfigError(f"no configuration found: {places}", hint="syncd init, or --config FILE")


def state_url(text: str, folder: Path) -> tuple[str, str]:
    """The store's URL with an absolute path, and a warning (or nothing).

    As in SQLAlchemy, ``sqlite:///state.db`` is relative and ``sqlite:////var/state.db``
    absolute (https://docs.sqlalchemy.org/en/20/core/engines.html#sqlite). Raises
    ``ConfigError`` without file and line; it does not repeat the URL, which can hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError("is not a database URL", hint='"sqlite:///state.db"') from None
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError("must be a SQLite or PostgreSQL database", hint='"sqlite:///state.db"')
    if backend == "postgresql":
        return text, ""
    name = url.database or ""
    if not name or name == ":memory:" or name.startswith("file:"):
        raise ConfigError("must be a file, since the state outlives the process")
    warning = ""
    if name.startswith(_ABSOLUTE_LOOKING) and not (folder / name).parent.is_dir():
        warning = "is a path below the configuration's folder; an absolute one has four slashes"
    absolute = url.set(database=str(folder / name))
    return absolute.render_as_string(hide_password=False), warning


def tokens_folder(given: str, state: str, folder: Path) -> str:
    """Where what sign-ins brought is kept: the folder ``given``, else ``tokens`` beside a SQLite
    state (``state``: its URL, absolute), else beside the configuration."""
    if given:
        return str(folder / given)
    database = make_url(state).database if state.startswith("sqlite:") else None
    return str((Path(database).parent if database else folder) / "tokens")


def named_file(name: str, kind: str, folder: Path) -> tuple[TomlFile, bool]:
    """The mapping or rule set called ``name``, and whether it is one that syncd ships.

    ``kind``: ``mappings`` or ``mappings/rules``. A bare name means ``KIND/NAME.toml`` beside
    the configuration, else among the shipped ones; anything else is a path from ``folder``.
    Raises ``ConfigError``.
    """
    if "/" in name or name.endswith(".toml"):
        return read_toml(folder / name), False
    own = folder / kind / f"{name}.toml"
    if own.is_file():
        return read_toml(own), False
    shipped = shipped_files(kind)
    if name not in shipped:
        message = f'there is no "{shown(name)}" in {kind}'
        known = set(shipped) | {each.stem for each in (folder / kind).glob("*.toml")}
        raise ConfigError(message, hint=nearest(name, known) or "a path to a TOML file")
    text = shipped[name].read_text("utf-8")
    return parse_toml(text, f"{kind}/{name}.toml"), True


def shipped_files(kind: str) -> dict[str, Path]:
    """The TOML files that syncd ships in ``kind`` (``mappings`` or ``mappings/rules``), by name.

    ``mappings`` has no code, so it is a namespace package. ``importlib.resources`` refuses one
    that setuptools installed as editable, whose path has an entry that is no folder.
    """
    spec = find_spec("mappings")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    found: dict[str, Path] = {}
    for place in places:
        folder = Path(place).joinpath(*kind.split("/")[1:])
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this very machine: what goes there passes nobody."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
