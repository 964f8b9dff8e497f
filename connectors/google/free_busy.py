"""When a calendar is taken: ``freebusy.query``, which tells neither titles nor how many events.

https://developers.google.com/workspace/calendar/api/v3/reference/freebusy/query. Events that meet
or overlap are told as one. It answers for about 90 days at a time ("The requested time range is
too long", seen by others), for 50 calendars at a time; a fault of one calendar stands in an answer
that is otherwise a success.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connectors.google.client import Client, Refused
from connectors.google.errors import Refusal
from connectors.google.wire import Event, list_of, table_of, text_of
from syncd.connector import Window
from syncd.core.taken import Taken, pages, put_together
from syncd.core.zones import UTC_ZONE
from syncd.errors import ConnectorError, Unauthorized, Unavailable

LONGEST = timedelta(days=60)
"""Days that are asked for at once: Google names no limit, so well below the one that was seen."""

_LACKS = "the sign-in lacks the scope calendar.events.freebusy"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,60}")


def busy(client: Client, span: Window) -> tuple[Taken, ...]:
    """When the client's calendar is taken in ``span``: a request for each 60 days.

    Raises ``Unavailable``, ``Unauthorized``; as ``lone`` where only this look-up lacks rights.
    """
    asked = pages(span.start, span.end, LONGEST)
    return put_together((page, _page(client, *page)) for page in asked)


def _page(client: Client, start: datetime, end: datetime) -> list[Taken]:
    body = {
        "timeMin": start.isoformat(),
        "timeMax": end.isoformat(),
        "timeZone": UTC_ZONE,
        "items": [{"id": client.calendar}],
    }
    signer = client.account.free_busy
    try:
        answer, _ = client.call(partial(_query, body), signer=signer, reads=True)
    except Refused as error:
        raise _refused(client, error.refused) from None
    except Unauthorized as error:
        if "unauthorized_client" in str(error):  # this scope may be missing and the other be there
            raise Unauthorized(f"{error}: {_LACKS}", lone=True) from None
        raise
    calendars = table_of(answer, "calendars")
    told = calendars.get(client.calendar)
    if not isinstance(told, dict):
        raise Unavailable("the calendar is not in the answer of freebusy.query", lone=True)
    if told.get("errors"):
        raise _fault(list_of(told, "errors"))
    return [_taken(each) for each in list_of(told, "busy")]


def _query(body: Mapping[str, Any], service: Any) -> Any:
    return service.free_busy().query(body=body)


def _refused(client: Client, refused: Refusal) -> Exception:
    if refused.has("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"):
        return Unauthorized(f"free and busy: {refused}: {_LACKS}", lone=True)
    return client.error(refused, "free and busy", writes=False)


def _fault(faults: list[Event]) -> ConnectorError:
    """What is wrong with this one calendar. ``notFound`` is also said of one that is not shared."""
    reasons = [text_of(each, "reason") for each in faults]
    code = next((each for each in reasons if _CODE.fullmatch(each)), "an error without a reason")
    if code == "notFound":
        return Unauthorized(f"free and busy: {code}: not there, or not shared", lone=True)
    return Unavailable(f"free and busy: {code}", lone=True)


def _taken(period: Event) -> Taken:
    try:
        start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
        if start.tzinfo is None or end.tzinfo is None:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Unavailable("freebusy.query answers with a time that is none", lone=True) from None
    return Taken(start, end)
