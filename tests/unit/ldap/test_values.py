"""Entries as facts: shaping twice is shaping once, and edits lead from what is to what is wanted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import UsageError
from syncd.ldapwire import dn
from syncd.ldapwire.operations import Entry
from syncd.model import Key, Kind
from syncd.targets.ldap_profile import LdapProfile
from syncd.targets.ldap_values import container_attrs, edits, entry_values, mark_of, normal, shape, wanted_rdn

BASE = "ou=Acme, dc=Example,dc=org"
PROFILE = LdapProfile(BASE, marker="test/acme")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.sampled_from(["description", "o", "Mail", "l"])
ATTRS = st.dictionaries(NAMES, st.lists(TEXTS, max_size=3).map(tuple), max_size=3)
PLACES = st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3).map(
    lambda names: (BASE, *(dn.rdn("OU", name) for name in names))
)
KEYS = st.builds(Key, st.sampled_from([Kind.OU, Kind.GROUP]), PLACES) | st.builds(
    Key, st.just(Kind.MEMBER), PLACES, st.sampled_from([("p_0000000000000001",), ("CN=A ,dc=B",)])
)


@given(st.dictionaries(KEYS, ATTRS, max_size=5))
def test_shaping_twice_changes_nothing(state: dict[Key, dict[str, tuple[str, ...]]]) -> None:
    once = shape(state)
    assert shape(once) == once
    assert all(values and all(values) for attrs in once.values() for values in attrs.values())


@given(ATTRS, ATTRS, st.sets(NAMES.map(str.lower), max_size=2))
def test_edits_make_what_is_mentioned_so_and_leave_the_rest(
    wanted: dict[str, tuple[str, ...]], before: dict[str, tuple[str, ...]], clear: set[str]
) -> None:
    key = Key(Kind.OU, (BASE, "ou=x"))
    want, have = (shape({key: attrs})[Key(Kind.OU, (dn.fold_dn(BASE), "ou=x"))] for attrs in (wanted, before))
    clear -= want.keys()
    held = {name: set(values) for name, values in have.items()}
    for action, name, values in edits(want, have, clear, {}):
        texts = {value.decode() for value in values}
        if action == "add":
            assert not texts & held.setdefault(name, set())
            held[name] |= texts
        else:
            assert texts <= held[name]
            held[name] -= texts
    expected = {name: set(values) for name, values in {**have, **want}.items() if name not in clear}
    assert {name: values for name, values in held.items() if values} == expected


@given(TEXTS.filter(str.strip))
def test_an_entry_is_named_as_the_attribute_spells_it(name: str) -> None:
    spelled = unicodedata.normalize("NFC", name)
    place = dn.fold(dn.rdn("cn", name))
    rdn = wanted_rdn(place, {"cn": (spelled,)})
    assert dn.attributes(rdn) == (("cn", spelled),)
    assert entry_values({"cn": (spelled,)}, rdn) == {"cn": (spelled.encode(),)}


def test_an_entry_without_the_attribute_is_named_by_its_place() -> None:
    assert wanted_rdn("cn=a\\2C b", {}) == "cn=a\\2C b"
    assert entry_values({"o": ("Acme",)}, "cn=a+uid=b") == {"o": (b"Acme",), "cn": (b"a",), "uid": (b"b",)}


def test_the_name_is_never_deleted_and_never_added_twice() -> None:
    assert edits({"cn": ("TEAM",)}, {"cn": ("team",)}, frozenset(), {"cn": {"TEAM"}}) == []
    assert edits({}, {"cn": ("team",)}, {"cn"}, {"cn": {"team"}}) == []


def test_a_container_shows_text_without_marks_members_and_server_attributes() -> None:
    entry = Entry(
        "cn=Équipe,ou=acme",
        {
            "cn": ("Équipe".encode(), b"synonym"),
            "member": (b"cn=x",),
            "objectclass": (b"groupOfNames",),
            "entryuuid": (b"1",),
            "businesscategory": (b"syncd:test/acme", b"sales"),
            "jpegphoto": (b"\xff\xd8",),
            "description": (b"b", b"a"),
        },
    )
    assert container_attrs(entry, PROFILE) == {
        "cn": ("Équipe",),
        "businesscategory": ("sales",),
        "description": ("a", "b"),
    }
    assert mark_of(entry, PROFILE) == "test/acme"
    assert mark_of(Entry("cn=x", {"businesscategory": (b"syncd:b", b"syncd:a")}), PROFILE) == "a"


def test_values_compare_in_one_order_and_form() -> None:
    assert normal(["b", "", "e\u0301", "b"]) == ("b", "é")


@pytest.mark.parametrize("group_class", ["posixgroup", "group"])
def test_a_group_class_that_is_not_written_is_refused(group_class: str) -> None:
    with pytest.raises(UsageError, match=f"group_class {group_class} cannot be written"):
        LdapProfile(BASE, group_class=group_class)


def test_a_base_that_is_no_name_is_refused() -> None:
    with pytest.raises(UsageError, match="'acme' is not a distinguished name"):
        LdapProfile("acme")
