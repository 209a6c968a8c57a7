"""Reading a directory: whole or not at all, people found, spelling that does not matter."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from syncd.errors import IncompleteRead, PlaceMissing, Unreachable
from syncd.ldapwire import dn
from syncd.ldapwire.operations import Add, Modify
from syncd.model import Key, Kind, Scope
from syncd.targets import ldap_read
from syncd.targets.ldap import LdapTarget
from syncd.targets.ldap_profile import PLACEHOLDER, LdapProfile
from tests.cutting_proxy import CuttingProxy
from tests.ldap_world import LdapWorld, settings_for

if TYPE_CHECKING:
    from deploy.local.slapd import Slapd
    from syncd.model import Observation

pytestmark = pytest.mark.live


def _see(world: LdapWorld, *groups: str, people: frozenset[str] = frozenset()) -> Observation:
    places = frozenset((world.groups_base, name) for name in groups)
    natives = frozenset(native for _, native in world.people)
    return world.target.read(Scope(frozenset(world.tops), places, people=people, natives=natives))


def _group(world: LdapWorld, name: str, *members: str) -> str:
    where = f"{dn.rdn('cn', name)},{world.groups_base}"
    values = {
        "objectClass": (b"groupOfNames",),
        "member": tuple(m.encode() for m in members or (PLACEHOLDER,)),
    }
    world.write(Add(where, values))
    return where


def test_a_missing_base_and_a_missing_people_base_are_no_empty_directory(world: LdapWorld) -> None:
    for changes in ({"base": f"ou=gone,{world.base}"}, {"people_base": f"ou=gone,{world.base}"}):
        given = {"base": world.groups_base, "people_base": world.people_base, **changes}
        target = LdapTarget("ldap", settings_for(world.server), LdapProfile(**given))
        with pytest.raises(PlaceMissing, match=f"ou=gone,{world.base} does not exist"):
            target.read(Scope(frozenset({(given["base"],)}), people=frozenset({"ann@example.org"})))
        target.close()


def test_a_size_limit_is_an_incomplete_read_and_shows_nothing(world: LdapWorld, wire: str) -> None:
    reader = world.person("reader", userPassword="reader-secret")
    world.write(
        *(
            Add(f"ou=unit{number},{world.groups_base}", {"objectClass": (b"organizationalUnit",)})
            for number in range(600)
        )
    )
    settings = settings_for(
        world.server, bind_dn=world.dn_of(reader), password="reader-secret", wire=wire, page_size=100
    )
    target = LdapTarget("ldap", settings, world.profile)
    with pytest.raises(IncompleteRead, match=r"size limit exceeded \(4\).*after 500 entries") as caught:
        target.read(Scope(frozenset(world.tops)))
    assert "olcLimits" in caught.value.remedy
    target.close()


def test_a_server_that_stays_away_is_unreachable(world: LdapWorld, wire: str) -> None:
    with CuttingProxy(world.server.url) as proxy:
        target = LdapTarget("ldap", settings_for(world.server, urls=(proxy.url,), wire=wire), world.profile)
        target.read(Scope(frozenset(world.tops)))
        proxy.swallow()
        with pytest.raises(Unreachable):
            target.read(Scope(frozenset(world.tops)))
        target.close()


def test_a_silent_run_costs_one_search_for_groups_and_one_for_people(world: LdapWorld) -> None:
    for number in range(40):
        _group(world, f"group{number}", world.dn_of(world.people[0][1]))
    seen = _see(
        world, *(f"cn=group{number}" for number in range(40)), people=frozenset({"person0@example.org"})
    )
    assert seen.requests == 2
    assert sum(key.kind is Kind.MEMBER for key in seen.state) == 40


def test_members_of_groups_that_do_not_matter_are_left_out(world: LdapWorld) -> None:
    _group(world, "one", world.dn_of(world.people[0][1]))
    _group(world, "other", world.dn_of(world.people[0][1]))
    seen = _see(world, "cn=ONE")
    assert [key.place[-1] for key in seen.state if key.kind is Kind.MEMBER] == ["cn=one"]
    assert {key.place[-1] for key in seen.state if key.kind is Kind.GROUP} == {"cn=one", "cn=other"}


def test_a_member_is_known_by_id_however_its_dn_is_spelled(world: LdapWorld) -> None:
    person = world.dn_of(world.people[0][1])
    _group(world, "team", person.upper().replace(",", " , "))
    key = Key(Kind.MEMBER, (dn.fold_dn(world.groups_base), "cn=team"), (world.people[0][1],))
    assert key in _see(world, "cn=team").state


def test_a_stranger_is_known_by_dn_and_the_placeholder_by_nothing(world: LdapWorld) -> None:
    _group(world, "team", "cn=Some Body,dc=elsewhere", PLACEHOLDER)
    members = [key.item for key in _see(world, "cn=team").state if key.kind is Kind.MEMBER]
    assert members == [("cn=some body,dc=elsewhere",)]


def test_people_are_found_by_address_username_and_id_and_only_those(world: LdapWorld) -> None:
    ann = world.person("ann", mail="Ann@Example.org", givenName="Ann", preferredLanguage="fr")
    odd = world.person("o*(dd)\\", mail="odd@example.org")
    seen = _see(world, people=frozenset({"ann@example.org", "o*(dd)\\", "nobody@example.org", "*"}))
    found = {account.native: account for account in seen.accounts}
    assert found.keys() == {ann, odd, *(native for _, native in world.people)}
    assert (found[ann].username, found[ann].email) == ("ann", "Ann@Example.org")
    assert (found[ann].given_name, found[ann].locale, found[ann].authority) == ("Ann", "fr", "ldap")
    assert found[odd].username == "o*(dd)\\"


def test_of_several_addresses_the_one_that_was_asked_for_is_shown(world: LdapWorld) -> None:
    native = world.person("ann", mail="first@example.org")
    world.write(Modify(world.dn_of(native), (("add", "mail", (b"second@example.org",)),)))
    seen = _see(world, people=frozenset({"second@example.org"}))
    assert {account.native: account.email for account in seen.accounts}[native] == "second@example.org"


def test_many_people_are_read_at_once_with_the_same_result(
    world: LdapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"user{number}" for number in range(120)]
    for name in names:
        world.person(name)
    asked = frozenset([*(f"{name}@example.org" for name in names[:60]), *names[60:100]])
    few = _see(world, people=asked)
    monkeypatch.setattr(ldap_read, "WHOLE", 10)
    whole = _see(world, people=asked)
    assert {account.native for account in whole.accounts} == {account.native for account in few.accounts}
    assert (few.requests, whole.requests) == (4, 2)


@pytest.mark.parametrize(
    "name",
    [
        "a, b",
        "a+b",
        "#1",
        '"quoted"',
        " lead",
        "trail ",
        "a  b",
        "back\\slash",
        "x=y;z",
        "<>",
        "tab\there",
        "東京",
    ],
)
def test_odd_names_are_read_as_they_are(world: LdapWorld, name: str) -> None:
    _group(world, name)
    seen = _see(world)
    key = Key(Kind.GROUP, (dn.fold_dn(world.groups_base), dn.fold(dn.rdn("cn", name))))
    assert seen.state[key]["cn"] == (name,)


def test_the_unicode_form_of_a_name_does_not_matter(world: LdapWorld) -> None:
    _group(world, unicodedata.normalize("NFD", "Équipe"))
    key = Key(Kind.GROUP, (world.groups_base, "cn=Équipe"))
    assert world.target.shape({key: {"cn": ("Équipe",)}}).items() <= _see(world).state.items()


def test_a_synonym_beside_the_name_and_bytes_that_are_no_text_are_not_compared(world: LdapWorld) -> None:
    where = _group(world, "team")
    world.write(Modify(where, (("add", "cn", (b"alias",)), ("add", "description", (b"text",)))))
    seen = _see(world)
    attrs = seen.state[Key(Kind.GROUP, (dn.fold_dn(world.groups_base), "cn=team"))]
    assert attrs == {"cn": ("team",), "description": ("text",)}


def test_marks_are_shown_and_hidden_from_the_attributes(world: LdapWorld) -> None:
    where = _group(world, "team")
    world.write(Modify(where, (("add", "businessCategory", (b"sales", b"syncd:other/mapping")),)))
    seen = _see(world)
    key = Key(Kind.GROUP, (dn.fold_dn(world.groups_base), "cn=team"))
    assert seen.marks == {key: "other/mapping"}
    assert seen.state[key]["businesscategory"] == ("sales",)


def test_five_thousand_members_and_two_thousand_units_are_read_whole(
    slapd_server: Slapd, world: LdapWorld
) -> None:
    strangers = [f"uid=s{number},ou=elsewhere,{world.base}" for number in range(5000)]
    _group(world, "crowd", *strangers)
    units = [
        Add(f"ou=unit{number},{world.groups_base}", {"objectClass": (b"organizationalUnit",)})
        for number in range(2000)
    ]
    assert {reply.code for reply in world.hands.write(units)} == {0}
    seen = _see(world, "cn=crowd")
    assert sum(key.kind is Kind.MEMBER for key in seen.state) == 5000
    assert sum(key.kind is Kind.OU for key in seen.state) == 2000
    assert seen.requests == 6
