"""Distinguished names: escaping, parsing and comparing, against ldap3's parser where that is right."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from syncd.ldapwire import dn

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
ODD = st.text(st.sampled_from(' ,+"\\<>;=#\x00\t\n\x7féeÉßs\uff21ﬁ\u03c3\u03c2½'), min_size=1, max_size=12)
VALUES = TEXT | ODD
TYPES = st.sampled_from(["cn", "OU", "uid", "2.5.4.3", "commonName", "x-odd-1"])
RDNS = st.lists(st.tuples(TYPES, VALUES), min_size=1, max_size=3)


def _written(parts: list[tuple[str, str]]) -> str:
    return "+".join(dn.rdn(name, value) for name, value in parts)


@given(VALUES)
@example(" ")
@example("#")
@example("a\\")
def test_an_escaped_value_is_read_back_as_it_was(value: str) -> None:
    assert dn.attributes(dn.rdn("cn", value)) == (("cn", value),)


@given(st.lists(RDNS, max_size=4))
def test_a_name_of_many_parts_is_read_back_and_joined_to_the_same_text(
    name: list[list[tuple[str, str]]],
) -> None:
    rdns = tuple(_written(parts) for parts in name)
    assert dn.parse(dn.join(rdns)) == rdns


@given(st.lists(st.tuples(TYPES, VALUES), min_size=1, max_size=4))
@example([("cn", "plain"), ("dc", "org")])
@example([("cn", "a b"), ("ou", " a"), ("dc", "a ")])
def test_a_name_is_the_same_with_every_letter_of_its_values_escaped(name: list[tuple[str, str]]) -> None:
    escaped = ",".join(f"{kind}={_hex_pairs(value)}" for kind, value in name)
    written = tuple(dn.rdn(kind, value) for kind, value in name)
    assert dn.parse(escaped) == dn.parse(dn.join(written)) == written
    assert [dn.attributes(part) for part in written] == [((kind, value),) for kind, value in name]


def _hex_pairs(value: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in value.encode())


@given(st.lists(st.tuples(st.sampled_from(["cn", "ou"]), VALUES), min_size=1, max_size=4))
def test_what_we_write_is_what_ldap3_reads(parts: list[tuple[str, str]]) -> None:
    text = ",".join(dn.rdn(name, value) for name, value in parts)
    assert [(name, value) for name, value, _ in parse_dn(text)] == [
        (name, dn.escape_rdn_value(value)) for name, value in parts
    ]


@given(st.text(st.sampled_from('cnou=,+\\ "#ab2C'), max_size=14))
def test_any_text_is_a_name_or_refused_and_never_breaks(text: str) -> None:
    try:
        rdns = dn.parse(text)
    except dn.DnError:
        return
    assert dn.parse(dn.join(rdns)) == rdns


@given(st.text(st.sampled_from("cnou=,+ ab"), min_size=1, max_size=14))
def test_unescaped_text_that_ldap3_reads_is_read_alike(text: str) -> None:
    try:
        theirs = parse_dn(text, strip=True)
    except (LDAPInvalidDnError, IndexError):
        return
    try:
        ours = dn.parse(text)
    except dn.DnError:
        return
    flat = [part for rdn in ours for part in dn.attributes(rdn)]
    assert [(name, value.strip()) for name, value, _ in theirs] == flat


@given(RDNS)
def test_folding_twice_changes_nothing(parts: list[tuple[str, str]]) -> None:
    once = dn.fold(_written(parts))
    assert dn.fold(once) == once


@given(VALUES)
def test_case_unicode_form_and_blanks_do_not_make_another_name(value: str) -> None:
    plain = dn.fold(dn.rdn("cn", value))
    assert dn.fold(dn.rdn("CN", unicodedata.normalize("NFD", value))) == plain
    assert dn.fold(dn.rdn("2.5.4.3", f"  {value} ")) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=a\,b", r"cn=a\2Cb"),
        (r"cn=a\,b", 'CN = "a,b"'),
        ("cn=Équipe  Sud", "commonName=équipe sud"),
        ("cn=t+uid=ct2", "UID=CT2+cn=T"),
        ("2.5.4.11=x", "ou=X"),
        ("cn=#04024869", "cn=hi"),
        ("OID.2.5.4.3=x", "cn=x"),
        ("cn=\uff21\uff22", "cn=ab"),
        (r"cn=\C3\A9", "cn=é"),
        ("cn=ΟΔΟΣ", "cn=οδοσ"),  # Greek is meant
    ],
)
def test_two_spellings_of_one_name_fold_alike(one: str, other: str) -> None:
    assert dn.fold(one) == dn.fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("cn=é", "cn=e"), ("cn=ß", "cn=ss"), ("cn=a", "ou=a"), ("cn=a b", "cn=ab")]
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert dn.fold(one) != dn.fold(other)


def test_blanks_around_the_separators_do_not_count_but_escaped_ones_do() -> None:
    assert dn.parse(r" cn = a\  , ou= b ; dc=c") == (r"cn=a\20", "ou=b", "dc=c")


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    assert dn.parse(r"cn=#0401FF,cn=\ff") == ("cn=#0401FF", "cn=#0401FF")
    assert dn.fold("cn=#020105") == "cn=#020105"


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "cn=a,",
        "cn=a,,ou=b",
        "=a",
        'cn="a',
        "cn=#0",
        "cn=#zz",
        "cn=a\\",
        'cn=a"b"',
        "c n=a",
        "cn=\ud800",
    ],
)
def test_text_that_is_no_name_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(dn.DnError, match="is not a distinguished name"):
        dn.parse(text)


def test_the_empty_name_has_no_parts() -> None:
    assert dn.parse("") == dn.parse("  ") == ()


def test_below_is_strict_and_blind_to_spelling() -> None:
    assert dn.is_below("cn=a,OU=X,dc=b", "ou=x, dc=B")
    assert not dn.is_below("ou=x,dc=b", "ou=x,dc=b")
    assert not dn.is_below("cn=a,ou=xx,dc=b", "ou=x,dc=b")
    assert not dn.is_below(r"cn=a\,ou=x,dc=b", "ou=x,dc=b")


@given(st.lists(RDNS, max_size=3))
def test_a_place_is_the_name_from_the_top_and_back(name: list[list[tuple[str, str]]]) -> None:
    base = "ou=Acme,dc=example,dc=org"
    rdns = tuple(_written(parts) for parts in name)
    text = dn.join((*rdns, base))
    assert dn.place_of(text, base) == (base, *reversed(rdns))
    assert dn.dn_of(dn.place_of(text, base)) == text


def test_a_place_outside_the_base_is_refused() -> None:
    with pytest.raises(dn.DnError, match="does not lie within"):
        dn.place_of("cn=a,dc=example,dc=com", "dc=example,dc=org")
    with pytest.raises(dn.DnError, match="does not lie within"):
        dn.place_of("dc=org", "dc=example,dc=org")
