"""Entries of people, where the mapping manages them: made, changed, locked, renamed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.errors import LoginRefused
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import Modify
from syncd.model import Change, Key, Kind, Op, Outcome, Result, Scope
from tests.ldap_world import LdapWorld, settings_for
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.slapd import Slapd
    from syncd.model import Attrs, Observation

pytestmark = pytest.mark.live
ANN = Key(Kind.PERSON, (), ("p_00000000000000aa",))


@pytest.fixture
def managed(slapd_server: Slapd, ldap_base: str) -> Iterator[LdapWorld]:
    made = LdapWorld(slapd_server, ldap_base, people="manage")
    yield made
    made.close()


def _attrs(world: LdapWorld, **changes: str) -> Attrs:
    plain = {
        "dn": f"uid=ann,{world.people_base}",
        "uid": "ann",
        "cn": "Ann Example",
        "sn": "Example",
        "mail": "ann@example.org",
        **changes,
    }
    return {name: (value,) for name, value in plain.items() if value}


def _see(world: LdapWorld, *natives: str) -> Observation:
    return world.target.read(Scope(frozenset(world.tops), natives=frozenset(natives)))


def _write(world: LdapWorld, change: Change, *natives: str) -> Outcome:
    _see(world, *natives)
    known = {ANN: natives[0]} if natives else {}
    return next(iter(world.target.apply([change], known)))


def _make(world: LdapWorld, **changes: str) -> str:
    outcome = _write(world, Change(Op.CREATE, ANN, world.target.shape({ANN: _attrs(world, **changes)})[ANN]))
    assert outcome.result is Result.DONE, outcome.detail
    return outcome.native


def test_people_are_written_only_where_the_mapping_manages_them(world: LdapWorld) -> None:
    assert Kind.PERSON not in world.target.kinds
    outcome = _write(world, Change(Op.CREATE, ANN, _attrs(world)))
    assert outcome.result is Result.REFUSED
    assert "people: manage" in outcome.detail


def test_a_person_is_made_marked_and_read_back(managed: LdapWorld) -> None:
    native = _make(managed)
    seen = _see(managed, native)
    key = Key(Kind.PERSON, (), (native,))
    wanted = {name: values for name, values in _attrs(managed, enabled="true").items() if name != "dn"}
    assert wanted.items() <= seen.state[key].items()
    assert seen.marks[key] == MARKER
    assert seen.natives[key] == native


def test_an_entry_outside_people_base_is_refused(managed: LdapWorld) -> None:
    for where in (f"uid=ann,{managed.groups_base}", "uid=ann", "no dn"):
        outcome = _write(managed, Change(Op.CREATE, ANN, _attrs(managed, dn=where)))
        assert outcome.result is Result.REFUSED
        assert f"{where}: not below people_base" in outcome.detail


def test_what_the_class_demands_and_the_mapping_lacks_is_named(managed: LdapWorld) -> None:
    outcome = _write(managed, Change(Op.CREATE, ANN, _attrs(managed, sn="")))
    assert outcome.result is Result.REFUSED
    assert "requires attribute 'sn'" in outcome.detail


def test_a_profile_is_changed_and_the_entry_renamed_under_the_same_id(managed: LdapWorld) -> None:
    native = _make(managed)
    before = _see(managed, native).state[Key(Kind.PERSON, (), (native,))]
    wanted = {**before, "uid": ("anne",), "mail": ("anne@example.org",)}
    assert (
        _write(managed, Change(Op.UPDATE, ANN, wanted, before, native=native), native).result is Result.DONE
    )
    entry = managed.entry(f"uid=anne,{managed.people_base}")
    assert (entry.text("entryUUID"), entry.texts("uid"), entry.text("mail")) == (
        native,
        ("anne",),
        "anne@example.org",
    )


def test_a_locked_person_cannot_log_in_until_unlocked(managed: LdapWorld) -> None:
    native = _make(managed)
    where = f"uid=ann,{managed.people_base}"
    managed.write(Modify(where, (("add", "userPassword", (b"ann-secret",)),)))
    key = Key(Kind.PERSON, (), (native,))
    for enabled in ("false", "true"):
        before = _see(managed, native).state[key]
        change = Change(Op.UPDATE, ANN, {"enabled": (enabled,)}, before, native=native)
        assert _write(managed, change, native).result is Result.DONE
        assert _see(managed, native).state[key]["enabled"] == (enabled,)
        visitor = Directory(settings_for(managed.server, bind_dn=where, password="ann-secret"))
        if enabled == "false":
            with pytest.raises(LoginRefused):
                visitor.root()
        else:
            visitor.root()
        visitor.close()


def test_a_person_can_be_made_locked(managed: LdapWorld) -> None:
    native = _make(managed, enabled="false")
    account = next(account for account in _see(managed, native).accounts if account.native == native)
    assert not account.enabled


def test_a_lock_after_wrong_passwords_is_no_lock_of_ours(managed: LdapWorld) -> None:
    native = _make(managed)
    where = f"uid=ann,{managed.people_base}"
    managed.write(Modify(where, (("replace", "pwdAccountLockedTime", (b"20300101000000Z",)),)))
    assert _see(managed, native).state[Key(Kind.PERSON, (), (native,))]["enabled"] == ("true",)


def test_a_person_is_removed_and_may_be_gone_already(managed: LdapWorld) -> None:
    native = _make(managed)
    delete = Change(Op.DELETE, ANN, native=native)
    assert _write(managed, delete, native).result is Result.DONE
    assert managed.hands.entry(f"uid=ann,{managed.people_base}") is None
    assert _write(managed, delete, native).result is Result.DONE
