"""The ``sql`` connector: a table or view of any database that SQLAlchemy speaks to, as a CRM."""

from __future__ import annotations

from connectors.sql.connector import SqlConnector
from syncd.connector import Collection, Connector, Manifest, Plugin, System


class _SqlPlugin:
    """What the entry point ``sql`` names."""

    manifest = Manifest.of(__name__)

    def connect(self, system: System, collection: Collection) -> Connector:
        """A connector to the table that the system's mapping names; makes no request yet.

        Raises ``ConfigError`` if there is no mapping or an option is wrong. Whether the table
        has the mapping's columns is looked up, and complained of, at the first use.
        """
        return SqlConnector(system, collection)


plugin: Plugin = _SqlPlugin()
