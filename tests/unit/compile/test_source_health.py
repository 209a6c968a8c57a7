"""A bad read of a source is replaced by its last good copy; without one the mapping is invalid."""

import json

import pytest

from syncd.errors import MappingInvalid, Unreachable
from syncd.sources.csv import CsvFormat, parse_csv
from syncd.sources.health import judge
from syncd.sources.http import HttpServer, parse_json, read_http
from syncd.sources.ldap import DirectoryQuery, Entry, read_directory


def roster(rows: int):
    lines = "".join(f"p{number}@x.example\n" for number in range(rows))
    return parse_csv("hr", f"mail\n{lines}".encode(), CsvFormat(), "hr.csv")


def broken():
    return parse_csv("hr", b"mail,x\na\nb\n", CsvFormat(), "hr.csv")


def test_a_good_read_is_used():
    assert judge(roster(20), roster(20), "yesterday", 10) == roster(20)


def test_a_first_read_is_used_however_small():
    assert judge(roster(0), None, "", 10) == roster(0)


def test_a_read_that_shrank_by_the_allowed_share_is_used():
    assert judge(roster(18), roster(20), "yesterday", 10).frozen == ""


def test_a_read_that_shrank_too_much_is_used_and_freezes_removals():
    used = judge(roster(17), roster(20), "2026-11-23 08:00", 10)
    assert used.rows == roster(17).rows
    assert used.frozen == (
        "roster hr shrank from 20 to 17 rows (15 % fewer, 10 % are allowed); "
        "whom it no longer names keeps everything until this plan is approved"
    )


def test_an_unreadable_file_is_replaced_by_the_last_good_copy():
    used = judge(broken(), roster(2), "2026-11-23 08:00", 10)
    assert used.rows == roster(2).rows
    assert used.frozen.startswith(
        "roster hr could not be read: hr.csv:2:1: the row has 1 values, the header 2"
    )
    assert "(and 1 more)" in used.frozen


def test_an_unreadable_file_without_a_copy_makes_the_mapping_invalid():
    with pytest.raises(MappingInvalid, match=r"hr.csv:2:1: rosters.hr: the row has 1 values"):
        judge(broken(), None, "", 10)


def test_a_json_list_of_objects_is_a_roster():
    content = json.dumps(
        [{"mail": "a@x.example", "active": True, "groups": ["x", "y"], "age": 3, "none": None}]
    ).encode()
    row = parse_json("hr", content, CsvFormat(columns=frozenset({"mail"})), "https://hr.example/people").rows[
        0
    ]
    assert row.values == {
        "mail": ("a@x.example",),
        "active": ("true",),
        "groups": ("x", "y"),
        "age": ("3",),
        "none": (),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "is not a list of objects"),
        (b"[", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b'[{"email": "a@x.example"}]', 'no object has "mail"; the names are email'),
        (b'[{"mail": {"a": 1}}]', 'object 1: "mail" is not a text'),
    ],
)
def test_json_that_is_no_roster_is_refused(content, message):
    form = CsvFormat(columns=frozenset({"mail"}))
    assert any(
        message in str(problem) for problem in parse_json("hr", content, form, "https://hr.example/").problems
    )


def test_a_file_address_is_refused():
    read = read_http("hr", HttpServer("file:///etc"), "passwd", CsvFormat())
    assert "not an http or https address" in str(read.problems[0])


def test_members_of_a_directory_group_are_named_by_address_else_username():
    entries = [
        Entry("uid=b,dc=x", {"uid": ("b",)}),
        Entry("uid=a,dc=x", {"mail": ("a@x.example",), "UID": ("a",)}),
    ]
    read = read_directory("devs", DirectoryQuery("dir", group="cn=devs,dc=x"), lambda _: entries)
    assert [(row.text("email"), row.text("username")) for row in read.rows] == [
        ("a@x.example", "a"),
        ("", "b"),
    ]
    assert read.folded


def test_a_group_member_without_any_name_makes_the_read_incomplete():
    read = read_directory(
        "devs", DirectoryQuery("dir", group="cn=devs,dc=x"), lambda _: [Entry("x=1,dc=x", {})]
    )
    assert "names nobody" in str(read.problems[0])


def test_a_directory_that_is_down_is_a_problem_and_not_an_empty_roster():
    def fetch(_query):
        raise Unreachable("dir", "no answer from ldaps://dir.example")

    read = read_directory("devs", DirectoryQuery("dir", base="dc=x"), fetch)
    assert "no answer from" in str(read.problems[0])


def test_rows_that_a_shrunk_read_lacks_are_remembered_whatever_their_place():
    used = judge(roster(15), roster(20), "2026-11-23 08:00", 10)
    gone = [f"p{number}@x.example" for number in range(15, 20)]
    assert [row.text("mail") for row in used.remembered] == gone


def test_rows_that_left_within_the_allowed_share_are_not_remembered():
    assert judge(roster(18), roster(20), "2026-11-23 08:00", 10).remembered == ()
