"""Visits as a small company in Shanghai has them, the same ones for the same ``now``."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.sql.crm.schema import contact, customer, room, visit
from connectors.sql.crm.schema import staff as staff_table
from syncd.core.zones import from_utc, to_utc

ZONE = "Asia/Shanghai"

STAFF: tuple[tuple[str, str], ...] = (
    ("alice@example.com", "Alice Martin"),
    ("bob@example.com", "Bob Schneider"),
    ("wang.fang@example.com", "王芳"),
)
"""Address and name of each colleague."""

ROOMS = (("会议室 外滩", 8), ("会议室 西湖", 4), ("Showroom", 20))

_CUSTOMERS = (
    ("上海远航机械有限公司", "上海", "浦东新区张江路 88 号", "李伟", "liwei@yuanhang.example"),
    ("苏州金阳电子科技", "苏州", "工业园区星湖街 218 号", "陈静", "chenjing@jinyang.example"),
    ("杭州清风茶业", "杭州", "西湖区龙井路 12 号", "赵敏", "zhaomin@qingfeng.example"),
    ("南京博雅医疗器械", "南京", "江宁区秣周东路 9 号", "孙磊", "sunlei@boya.example"),
    ("宁波海川物流", "宁波", "北仑区港口大道 500 号", "周婷", "zhouting@haichuan.example"),
    ("Müller & Söhne (China) Co., Ltd.", "太仓", "Nanjing East Rd 101", "Jürgen Müller",
     "j.mueller@mueller.example"),
    ("Nordwind Logistics Ltd", "Shanghai", "Century Avenue 1500, Tower 2", "Emma O'Hara",
     "emma.ohara@nordwind.example"),
    ("Lakeside Hotels Asia", "Hangzhou", "Beishan Street 37", "Daniel Okafor",
     "d.okafor@lakeside.example"),
    ("无锡新锐汽车零部件", "无锡", "新吴区长江北路 66 号", "吴昊", "wuhao@xinrui.example"),
    ("嘉兴绿源食品", "嘉兴", "南湖区中环南路 230 号", "郑晓燕", "zhengxy@lvyuan.example"),
)  # fmt: skip

_TYPES = (
    ("visit", ("客户拜访：{name}", "Visit {name}", "季度回访 {name}")),
    ("demo", ("产品演示：{name}", "Product demo for {name}")),
    ("call_back", ("回访电话 {contact}", "Call back {contact}")),
    ("reception", ("接待 {name} 一行", "Reception: {name}")),
    ("repair", ("上门维修：{name}", "On-site repair, {name}")),
)

_NOTES = (
    "",
    "带上最新报价单和样品。",
    "Ask about the second production line; bring two sample units.",
    "对方希望了解售后服务流程。\n停车：B2 层，前台登记。",
    "Contract renewal is due at the end of the quarter.",
)


def seed(
    engine: sa.Engine,
    now: datetime,
    count: int = 200,
    staff: Sequence[tuple[str, str]] = STAFF,
) -> None:
    """Fill an empty CRM with ``count`` visits around ``now`` (aware), owned by ``staff`` in turn.

    What is over was held, missed or cancelled; what is to come is planned or confirmed.
    """
    dice = random.Random(count)  # noqa: S311  # demonstration data, not a secret
    with engine.begin() as connection:
        connection.execute(sa.insert(staff_table), [{"email": e, "name": n} for e, n in staff])
        connection.execute(sa.insert(room), [{"name": n, "seats": s} for n, s in ROOMS])
        for number, (name, city, address, person, email) in enumerate(_CUSTOMERS, start=1):
            connection.execute(
                sa.insert(customer).values(id=number, name=name, city=city, address=address)
            )
            connection.execute(
                sa.insert(contact).values(
                    customer_id=number, name=person, email=email, phone=_phone(number)
                )
            )
        if count:
            rows = [_visit(dice, now, number, staff) for number in range(count)]
            connection.execute(sa.insert(visit), rows)
        if engine.dialect.name == "postgresql":
            # Keys were given by hand: the sequence goes on after them.
            highest = sa.select(sa.func.max(customer.c.id)).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence("customer", "id")
            connection.execute(sa.select(sa.func.setval(sequence, highest)))


def _visit(
    dice: random.Random, now: datetime, number: int, staff: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    chosen = dice.randrange(len(_CUSTOMERS))
    name, city, address, person, email = _CUSTOMERS[chosen]
    kind, subjects = dice.choice(_TYPES)
    start, end, all_day = _time(dice, now)
    return {
        "subject": dice.choice(subjects).format(name=name, contact=person),
        "starts_at": start,
        "ends_at": end,
        "all_day": all_day,
        "place": dice.choice((f"{city} {address}", ROOMS[number % len(ROOMS)][0])),
        "notes": dice.choice(_NOTES),
        "state": _state(dice, start, now),
        "visit_type": kind,
        "owner_email": staff[number % len(staff)][0],
        "customer_id": chosen + 1,
        "customer_name": name,
        "customer_email": email,
        "customer_phone": _phone(chosen + 1),
        "room": ROOMS[number % len(ROOMS)][0] if kind == "reception" else None,
        "updated_at": _naive(now) - timedelta(minutes=dice.randrange(60, 20_000)),
        "deleted_at": None,
    }


def _time(dice: random.Random, now: datetime) -> tuple[datetime, datetime, bool]:
    """Naive UTC, in office hours of Shanghai, from Monday to Saturday."""
    today = from_utc(now, ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today + timedelta(days=dice.randrange(-14, 43))
    if day.weekday() == 6:
        day += timedelta(days=1)
    if dice.random() < 0.04:
        return day, day + timedelta(days=dice.choice((1, 1, 2))), True
    wall = day + timedelta(hours=dice.randrange(9, 18), minutes=dice.choice((0, 0, 15, 30, 45)))
    start = _naive(to_utc(wall, ZONE))
    return start, start + timedelta(minutes=dice.choice((30, 45, 60, 60, 90, 120))), False


def _state(dice: random.Random, start: datetime, now: datetime) -> str:
    over = start < _naive(now)
    words = ("done", "no_show", "cancelled") if over else ("confirmed", "planned", "cancelled")
    return dice.choices(words, weights=(80, 8, 12) if over else (60, 35, 5))[0]


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _phone(number: int) -> str:
    return f"+86 138 0000 {number:04d}"
