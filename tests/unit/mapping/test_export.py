"""Who holds what as a list of people, and the list as CSV that no spreadsheet takes for formulas."""

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.acts import Grant, Source
from syncd.mapping.compile import compile_mapping
from syncd.mapping.read import load
from syncd.mapping.roster_view import COLUMNS, Known, Member, export_csv, holdings, members, one_line_each
from syncd.model import Account

TODAY = date(2026, 11, 24)
ACME = """syncd: 1
people:
  ann: {email: ann@acme.example, given_name: Ann, family_name: Archer}
  dan: {email: dan@acme.example, state: disabled}
organizations:
  acme:
    members: {admin: [ann], member: [ann, dan]}
    teams: {sre: {members: {member: [bob]}}}
"""
JOINED = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
ACTS = (
    Grant(
        "g_1",
        "acme",
        unit="/acme/sre",
        role="member",
        who="eve@acme.example",
        since=JOINED,
        source=Source.JOIN,
    ),
    Grant("g_2", "acme", unit="/acme", role="member", who="joe@acme.example", since=JOINED, waits="i_1"),
)
FORMULAS = tuple("=+-@\t\r")


def account(person, **more):
    return Account("keycloak", f"n_{person}", person, **more)


@pytest.fixture
def acme(tmp_path):
    (tmp_path / "acme.yaml").write_text(ACME, encoding="utf-8")
    return compile_mapping(load(tmp_path / "acme.yaml", name="acme"), {}, TODAY, acts=ACTS)


@pytest.fixture
def known():
    names = {
        "ann": "p_ann",
        "bob": "p_bob",
        "dan": "p_dan",
        "eve@acme.example": "p_eve",
        "joe@acme.example": "p_joe",
    }
    accounts = {
        "p_ann": account("ann"),
        "p_bob": account("bob", given_name="Bob", family_name="O'Hara", email="bob@acme.example"),
        "p_dan": account("dan"),
        "p_eve": account("eve", given_name="Éve", enabled=False),
        "p_joe": account("joe"),
    }
    entered = {"p_ann": datetime(2025, 1, 2, tzinfo=UTC), "p_joe": JOINED}
    return Known(names, accounts, frozenset({"p_bob"}), entered)


def rows(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def member(**more):
    fields = {"member_id": "p_1", "full_name": "", "email": "", "role": "member", "entry_date": None}
    return Member(**{**fields, "state": "active", "unit": ("acme",), **more})


# --- the list -------------------------------------------------------------------------------------------


def test_every_direct_membership_is_listed_with_where_it_comes_from(acme):
    found = {("/".join(one.unit), one.role, one.text): one for one in holdings(acme)}
    assert {key: (one.source, one.waits) for key, one in found.items()} == {
        ("acme", "admin", "ann"): ("file", ""),
        ("acme", "member", "ann"): ("file", ""),
        ("acme", "member", "dan"): ("file", ""),
        ("acme", "member", "joe@acme.example"): ("admin", "i_1"),
        ("acme/sre", "member", "bob"): ("file", ""),
        ("acme/sre", "member", "eve@acme.example"): ("join", ""),
    }
    eve = found["acme/sre", "member", "eve@acme.example"]
    assert (str(eve.place), eve.since) == ("act g_1", JOINED)
    assert str(found["acme", "admin", "ann"].place).endswith("acme.yaml:7:23")


def test_what_is_only_shown_in_another_unit_is_not_listed_again(tmp_path):
    text = """syncd: 1
kinds:
  organization: {}
  team: {within: organization}
  club: {within: organization, attaches_to: {kinds: [team]}}
roles: {member: {scope: [organization, team]}, fan: {scope: club}}
organizations: {acme: {teams: {a: {}}, clubs: {c: {attached_to: [/acme/a], members: {fan: [ann]}}}}}
"""
    (tmp_path / "acme.yaml").write_text(text, encoding="utf-8")
    compiled = compile_mapping(load(tmp_path / "acme.yaml", name="acme"), {}, TODAY)
    assert len(compiled.assignments) == 2
    assert [one.unit for one in holdings(compiled)] == [("acme", "c")]


def test_a_line_has_the_name_the_address_the_role_the_unit_and_the_state(acme, known):
    lines = {(one.who, one.role): one for one in members(acme, known)}
    shown = {key: (one.full_name, one.email, one.cell("unit"), one.state) for key, one in lines.items()}
    assert shown == {
        ("ann", "admin"): ("Ann Archer", "ann@acme.example", "/acme", "active"),
        ("ann", "member"): ("Ann Archer", "ann@acme.example", "/acme", "active"),
        ("dan", "member"): ("", "dan@acme.example", "/acme", "disabled"),
        ("joe@acme.example", "member"): ("", "joe@acme.example", "/acme", "pending"),
        ("bob", "member"): ("Bob O'Hara", "bob@acme.example", "/acme/sre", "pending"),
        ("eve@acme.example", "member"): ("Éve", "eve@acme.example", "/acme/sre", "disabled"),
    }


def test_who_has_no_account_is_pending(acme):
    assert {one.state for one in members(acme) if one.who != "dan"} == {"pending"}


def test_the_entry_date_is_the_day_of_activation_in_the_zone_of_the_mapping(acme, known):
    here = Known(known.ids, known.accounts, entered=known.entered, zone=ZoneInfo("Europe/Paris"))
    days = {one.who: one.cell("entry_date") for one in members(acme, here)}
    assert days == {
        "ann": "2025-01-02",
        "dan": "",
        "joe@acme.example": "",
        "bob": "",
        "eve@acme.example": "2026-11-02",
    }


def test_only_the_unit_asked_for_and_what_lies_below_is_listed(acme):
    assert {one.who for one in members(acme, within=("acme", "sre"))} == {"bob", "eve@acme.example"}
    assert len(members(acme, within=("acme",))) == len(members(acme))


def test_one_line_for_each_member_of_a_unit_has_all_the_roles(acme, known):
    lines = one_line_each(members(acme, known))
    assert [(one.who, one.role) for one in lines if one.unit == ("acme",)] == [
        ("ann", "admin, member"),
        ("dan", "member"),
        ("joe@acme.example", "member"),
    ]


def test_a_member_is_pending_only_where_every_role_waits_and_entered_on_the_first_day():
    one = member(role="a", state="pending", entry_date=date(2026, 2, 1))
    other = member(role="b", state="active", entry_date=date(2026, 1, 1))
    (line,) = one_line_each([one, other])
    assert (line.state, line.entry_date, line.role) == ("active", date(2026, 1, 1), "a, b")


# --- the file -------------------------------------------------------------------------------------------


def test_the_file_has_exactly_the_columns_asked_for_in_their_order(acme, known):
    columns = ("member_id", "full_name", "email", "role", "entry_date")
    text = export_csv(one_line_each(members(acme, known, ("acme",))), columns)
    assert text.splitlines() == [
        "member_id,full_name,email,role,entry_date",
        'p_ann,Ann Archer,ann@acme.example,"admin, member",2025-01-02',
        "p_dan,,dan@acme.example,member,",
        "p_joe,,joe@acme.example,member,",
        "p_bob,Bob O'Hara,bob@acme.example,member,",
        "p_eve,Éve,eve@acme.example,member,2026-11-01",
    ]
    assert text.count("\r\n") == 6


def test_names_with_commas_quotes_and_accents_are_quoted_and_formulas_neutralised():
    names = ["Zoë, Ann", 'Jean "Jo" Petit', "=1+1", "two\nlines", "@x", "Müller-Lüdenscheidt"]
    text = export_csv([member(full_name=name) for name in names], ("full_name",))
    assert text == (
        "full_name\r\n"
        '"Zoë, Ann"\r\n"Jean ""Jo"" Petit"\r\n\'=1+1\r\n"two\nlines"\r\n\'@x\r\nMüller-Lüdenscheidt\r\n'
    )


@pytest.mark.parametrize("sign", FORMULAS)
@pytest.mark.parametrize("field", ["full_name", "email", "role", "member_id"])
def test_no_cell_begins_like_a_formula(sign, field):
    (_, (cell,)) = rows(export_csv([member(**{field: f"{sign}cmd"})], (field,)))
    assert cell == f"'{sign}cmd"


def test_a_list_of_nobody_has_the_names_of_its_columns():
    assert export_csv([]) == f"{','.join(COLUMNS)}\r\n"


TEXTS = st.text(max_size=20) | st.tuples(st.sampled_from(FORMULAS), st.text(max_size=8)).map("".join)
MEMBERS = st.builds(
    Member,
    member_id=TEXTS,
    full_name=TEXTS,
    email=TEXTS,
    role=TEXTS,
    entry_date=st.none() | st.dates(),
    state=st.sampled_from(["pending", "active", "disabled"]),
    unit=st.lists(st.text("abc,\"'=é", min_size=1, max_size=5), max_size=3).map(tuple),
)


@given(st.lists(MEMBERS, max_size=5), st.permutations(COLUMNS), st.integers(1, len(COLUMNS)))
def test_what_is_read_back_is_what_was_there_but_for_formulas(found, order, count):
    columns = tuple(order[:count])
    header, *lines = rows(export_csv(found, columns).encode().decode())
    assert header == list(columns)
    assert len(lines) == len(found)
    for one, line in zip(found, lines, strict=True):
        for column, cell in zip(columns, line, strict=True):
            value = one.cell(column)
            assert not cell.startswith(FORMULAS)
            assert cell in (value, f"'{value}")
            assert cell == value or not value[0].isalnum()
