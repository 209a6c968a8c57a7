"""What a look at a directory tells, over entries as a server shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from syncd.errors import PlaceMissing, TargetError, Unreachable
from syncd.ldapwire.operations import Entry
from syncd.targets.ldap_look import LdapLook, outermost

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
US, ADMIN, SERVER = "cn=syncd,dc=example,dc=org", "cn=admin,dc=example,dc=org", "cn=manager,dc=example,dc=org"
GROUP, ANN = "cn=member,ou=units,dc=example,dc=org", "uid=ann,ou=people,dc=example,dc=org"


class Tree:
    """Entries by DN, with the stamps of their last write; answers every search with all that it asks for."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(name="directory", bind_dn=US.upper())
        self.now = BEGAN - timedelta(minutes=30)
        self.rows: dict[str, dict[str, str]] = {}
        self.searched: list[str] = []
        self.away = False
        self.hidden = ""
        self.writes = 0
        for dn, kind in ((GROUP, "groupOfNames"), (ANN, "inetOrgPerson")):
            self.made(US, dn, kind)
        self.now = BEGAN

    def made(self, who: str, dn: str, kind: str) -> None:
        made = {"objectClass": kind, "entryUUID": f"id of {dn}", "creatorsName": who}
        self.rows[dn] = {**made, "createTimestamp": self.stamp()}
        self.wrote(who, dn)

    def wrote(self, who: str, dn: str) -> None:
        self.writes += 1
        stamps = {"modifyTimestamp": self.stamp(), "entryCSN": f"{self.stamp()}#{self.writes}"}
        self.rows[dn] |= {**stamps, "modifiersName": who}

    def stamp(self) -> str:
        return self.now.strftime("%Y%m%d%H%M%SZ")

    def search(self, query):
        if self.away:
            raise Unreachable("directory", "no answer")
        self.searched.append(query.base)
        if query.base == self.hidden:
            raise PlaceMissing("directory", "not seen")
        since = query.filter.rpartition(">=")[2].rstrip(")")
        return [
            Entry(dn, {name.lower(): (value.encode(),) for name, value in row.items()})
            for dn, row in self.rows.items()
            if row["objectClass"] == "groupOfNames" or row.get("modifyTimestamp", "") >= since
        ]

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def close(self) -> None:
        """There is nothing to end."""


@pytest.fixture
def tree():
    return Tree()


@pytest.fixture
def look(tree):
    bases = ("ou=people,dc=example,dc=org", "ou=units,dc=example,dc=org")
    return LdapLook(lambda: tree, bases, BEGAN, lambda: tree.now)


def settled(look, tree):
    tree.passes(30)
    hints = look.look()
    look.settle()
    return hints


def test_nothing_new_is_one_search_above_all_bases_and_tells_nothing(tree, look):
    for _ in range(3):
        assert not settled(look, tree)
    assert tree.searched == ["dc=example,dc=org"] * 3


@pytest.mark.parametrize("entry", [GROUP, ANN])
def test_what_somebody_else_wrote_is_told_once(tree, look, entry):
    settled(look, tree)
    tree.wrote(ADMIN, entry)
    hints = settled(look, tree)
    assert (hints.natives, hints.places, hints.newcomers) == ({f"id of {entry}"}, {entry}, set())
    for _ in range(20):
        assert not settled(look, tree)


@pytest.mark.parametrize("entry", [GROUP, ANN])
def test_what_syncd_wrote_itself_tells_nothing(tree, look, entry):
    tree.wrote(US, entry)
    assert not settled(look, tree)
    tree.wrote(US, entry)
    assert not settled(look, tree)


def test_what_the_server_writes_to_people_when_syncd_writes_a_group_tells_nothing(tree, look):
    settled(look, tree)
    tree.wrote(SERVER, ANN)
    tree.passes(2)
    tree.wrote(US, GROUP)
    assert not look.look()
    look.settle()
    tree.passes(1)
    tree.wrote(SERVER, ANN)
    assert not settled(look, tree)
    del tree.rows[GROUP]
    tree.wrote(SERVER, ANN)
    assert not settled(look, tree).places


def test_a_person_who_is_changed_after_the_writes_of_syncd_is_told(tree, look):
    tree.wrote(US, GROUP)
    tree.passes(3)
    tree.wrote(ADMIN, ANN)
    assert settled(look, tree).places == {ANN}


def test_a_person_made_by_somebody_else_is_a_newcomer_and_one_made_by_syncd_is_not(tree, look):
    tree.made(ADMIN, "uid=new,ou=people,dc=example,dc=org", "inetOrgPerson")
    tree.made(US, "uid=own,ou=people,dc=example,dc=org", "inetOrgPerson")
    assert settled(look, tree).newcomers == {"uid=new,ou=people,dc=example,dc=org"}


def test_a_group_that_is_gone_is_told_by_its_id_and_never_by_its_place(tree, look):
    settled(look, tree)
    del tree.rows[GROUP]
    hints = settled(look, tree)
    assert (hints.natives, hints.places) == ({f"id of {GROUP}"}, set())
    assert not settled(look, tree)


def test_what_changed_while_the_server_was_away_is_told_when_it_is_back(tree, look):
    settled(look, tree)
    tree.wrote(ADMIN, ANN)
    tree.away = True
    for _ in range(40):
        tree.passes(30)
        with pytest.raises(Unreachable):
            look.look()
    tree.away = False
    assert settled(look, tree).places == {ANN}


def test_without_stamps_a_look_refuses_to_say_that_nothing_changed(tree, look):
    del tree.rows[GROUP]["modifyTimestamp"]
    with pytest.raises(TargetError, match="shows no modifyTimestamp"):
        look.look()


def test_an_account_that_sees_nothing_above_the_bases_looks_below_each(tree, look):
    tree.hidden = "dc=example,dc=org"
    tree.wrote(ADMIN, GROUP)
    assert settled(look, tree).places == {GROUP}
    settled(look, tree)
    assert tree.searched == [
        "dc=example,dc=org",
        *("ou=people,dc=example,dc=org", "ou=units,dc=example,dc=org") * 2,
    ]


def test_of_bases_within_each_other_the_outermost_are_looked_at():
    bases = {"ou=a,dc=x", "OU=A,dc=x", "ou=b,ou=a,dc=x", "ou=c,dc=x"}
    assert [one.lower() for one in outermost(bases)] == ["ou=a,dc=x", "ou=c,dc=x"]
