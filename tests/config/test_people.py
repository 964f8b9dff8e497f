"""The people file, as spreadsheets write it."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.people import Kind, People, read_people

HEAD = "name,email,aliases,phone,kind,dingtalk\n"


def read(folder: Path, data: str | bytes) -> People:
    path = folder / "people.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_people(path, ("example.com",))


def warnings(people: People) -> list[str]:
    return [each.rpartition("/")[2] for each in people.warnings]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_of_spreadsheets(tmp_path: Path, encoding: str, end: str) -> None:
    text = HEAD + "王芳,fang@example.com,王芳@例子.中国,138 0013 8000,,dt-1\n"
    people = read(tmp_path, text.replace("\n", end).encode(encoding))
    (fang,) = people.everybody
    assert (fang.name, fang.phone, fang.kind) == ("王芳", "138 0013 8000", Kind.PERSON)
    assert fang.aliases == ("王芳@例子.中国",)
    assert fang.columns["dingtalk"] == "dt-1"
    expected = [] if encoding.startswith("utf") else ["people.csv: is not UTF-8; read as GBK"]
    assert warnings(people) == expected


def test_unicode_text_of_excel(tmp_path: Path) -> None:
    """UTF-16 with tabs, which Excel calls so; and what the semicolons of aliases mean there."""
    text = "姓名\temail\taliases\n王芳\tfang@example.com\ta@x.org; b@x.org\n"
    people = read(tmp_path, text.encode("utf-16"))
    (fang,) = people.everybody
    assert (fang.email, fang.aliases) == ("fang@example.com", ("a@x.org", "b@x.org"))
    assert fang.columns["姓名"] == "王芳"
    assert people.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        'name;email;aliases\r\nMüller;m@example.com;"a@x.org;b@x.org"\r\n',
        '"aliases";"Email";"name"\r\n"a@x.org b@x.org";"m@example.com";"Müller"\r\n',
    ],
)
def test_semicolons_of_a_german_excel(tmp_path: Path, text: str) -> None:
    (mueller,) = read(tmp_path, text.encode("utf-8-sig")).everybody
    assert (mueller.name, mueller.email) == ("Müller", "m@example.com")
    assert mueller.aliases == ("a@x.org", "b@x.org")


@pytest.mark.parametrize(
    "cell",
    [
        "fang＠example.com",
        "ｆａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "fang@example。com",
        " fang@example.com\u3000",
        "\u00a0FANG@example.com ",
        "mailto:fang@example.com",
    ],
)
def test_addresses_as_they_are_typed(tmp_path: Path, cell: str) -> None:
    """Full-width letters, @ and stops, and blanks of every kind."""
    people = read(tmp_path, f"email,aliases\n{cell},王＠x.org；b@x.org\n")
    (fang,) = people.everybody
    assert (fang.email, fang.aliases) == ("fang@example.com", ("王@x.org", "b@x.org"))


@pytest.mark.parametrize(
    "cell",
    ["2026-12-31", "2026/12/31", "2026.12.31", "31.12.2026", "2026年12月31日", "２０２６-12-31"],
)
def test_last_days_as_spreadsheets_write_them(tmp_path: Path, cell: str) -> None:
    people = read(tmp_path, f"email,until\na@example.com,{cell}\nb@example.com,\n")
    leaver, other = people.everybody
    assert leaver.until == date(2026, 12, 31)
    assert not leaver.has_left(date(2026, 12, 31))
    assert leaver.has_left(date(2027, 1, 1))
    assert not other.has_left(date(9999, 1, 1))
    assert people.changes_after(date(2026, 12, 31)) == date(2026, 12, 31)
    assert people.changes_after(date(2027, 1, 1)) is None


def test_a_last_day_that_nobody_can_read_keeps_the_colleague(tmp_path: Path) -> None:
    """12/11/2026 is in November or in December: nobody is put out by a guess."""
    text = "email,until\na@example.com,12/11/2026\nb@example.com,2026-02-30\n"
    people = read(tmp_path, text)
    assert [each.until for each in people.everybody] == [None, None]
    words = "until is no date, so this colleague stays (2026-12-31)"
    assert warnings(people) == [f"people.csv:2: {words}", f"people.csv:3: {words}"]


def test_ids_are_names_and_stand_once(tmp_path: Path) -> None:
    text = "id,email\n007,a@example.com\n007,b@example.com\na:b,c@example.com\n,d@example.com\n"
    people = read(tmp_path, text)
    assert [(each.id, each.email) for each in people.everybody] == [
        ("007", "a@example.com"),
        ("", "d@example.com"),
    ]
    assert warnings(people) == [
        "people.csv:3: its id already stands in line 2",
        "people.csv:4: id is no name (letters, digits, . _ -)",
    ]


def test_addresses_stand_for_their_person(tmp_path: Path) -> None:
    people = read(tmp_path, HEAD + "A,Alice@Example.com,mailto:A@x.org; al@x.org b@x.org,,,\n")
    assert people.addresses == {
        "alice@example.com": "alice@example.com",
        "a@x.org": "alice@example.com",
        "al@x.org": "alice@example.com",
        "b@x.org": "alice@example.com",
    }


def test_rooms_vehicles_and_equipment(tmp_path: Path) -> None:
    lines = "R,r@example.com,,,Room,\nV,v@example.com,,,vehicle,\nP,p@example.com,,,person,\n"
    people = read(tmp_path, HEAD + lines)
    assert people.rooms == {"r@example.com", "v@example.com"}


def test_one_bad_line_never_stops_the_rest(tmp_path: Path) -> None:
    """Invariant 9; and invariant 11: the warnings name lines, not people."""
    people = read(
        tmp_path,
        HEAD
        + "Good,good@example.com,,,,\n"
        + "No address,,,,,x\n"
        + "Bad,not an address,,,,\n"
        + "\n"
        + ",,,,,\n"
        + "Twice,GOOD@example.com,,,,\n"
        + "Robot,robot@example.com,,,robott,\n"
        + 'Open "quote,o@example.com,,,,\n'
        + "Long,l@example.com,,,,x,extra\n"
        + "Short,short@example.com\n"
        + "Alias,alias@example.com,good@example.com;nonsense;own@example.com;spare@example.com,,,\n"
        + "Last,own@example.com,,,,\n"
        + "最后,last@example.com,,,,\n",
    )
    assert [each.email for each in people.everybody] == [
        "good@example.com",
        "short@example.com",
        "alias@example.com",
        "own@example.com",
        "last@example.com",
    ]
    assert people.everybody[2].aliases == ("spare@example.com",)
    assert warnings(people) == [
        "people.csv:3: has no e-mail address",
        "people.csv:4: email is no address",
        "people.csv:7: its email already stands in line 2",
        'people.csv:8: knows no such kind (did you mean "room"?)',
        "people.csv:9: is not CSV (a quote is open, or stands inside a cell)",
        "people.csv:10: has 7 cells, the header 6",
        "people.csv:12: one of its aliases already stands in line 2",
        "people.csv:12: one of its aliases is no address; that one is left out",
        "people.csv:12: one of its aliases already stands in line 13",
    ]


def test_a_cell_can_span_lines(tmp_path: Path) -> None:
    text = HEAD + '"Wang\nFang",w@example.com,"a@x.org\nb@x.org",,,\nLi,,,,,\n'
    people = read(tmp_path, text)
    assert people.everybody[0].aliases == ("a@x.org", "b@x.org")
    assert people.everybody[0].name == "Wang Fang"
    assert warnings(people) == ["people.csv:5: has no e-mail address"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", ':1: its first line must name the columns, "email" among them'),
        (b"name|email\n", ':1: its first line must name the columns, "email" among them'),
        (b"email,a,A\n", ':1: the column "a" stands there twice'),
        (b"\xff\xfee\x00m\x00a", ": is UTF-16 text that is broken"),
        (b"email\n\xff\xff\n", ":2: is neither UTF-8 nor GBK text"),
    ],
)
def test_files_that_are_no_people_file(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, data)
    assert f"people.csv{says}" in str(caught.value)


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=6), max_size=8), max_size=6), st.binary(max_size=20))
def test_any_file_is_read_or_refused(rows: list[list[str]], tail: bytes) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["name", "email", "aliases", "phone", "kind"], *rows])
    with TemporaryDirectory() as folder:  # of its own: one test function has many examples
        path = Path(folder) / "people.csv"
        path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass") + tail)
        with suppress(ConfigError):
            people = read_people(path)
            assert len(people.addresses) == sum(1 + len(each.aliases) for each in people.everybody)
