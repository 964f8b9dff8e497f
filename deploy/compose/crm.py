"""Makes the demo's CRM in the file that is named; one that is there stays as it is."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from connectors.sql.crm import open_demo_crm

open_demo_crm(sys.argv[1], datetime.now(UTC))
