"""Somebody who can write to the database but has not the key gains nothing, and is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.errors import StoreError
from syncd.model import Key, Kind
from syncd.store import open_store
from tests.contract.store.facts import KEY, TARGET, create, give, group, keys, member, membership, person

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.store import Store
    from tests.contract.store.facts import Clock, Tamper

DIGEST = "0f3a" * 16


def broken(store: Store) -> list[str]:
    return [found.table for found in store.integrity_problems()]


@pytest.mark.parametrize(
    "change",
    [
        "item = '[\"p_ffffffffffffffff\"]'",
        "place = '[\"admins\"]'",
        "native = '\"other\"'",
        'attrs = \'{"a":["b"]}\'',
        "origin = '{}'",
        "adopted = true",
        "claimed = true",
        "target = 'ldap'",
        "mapping = 'beta'",
        "kind = 'grant'",
    ],
)
def test_a_changed_ledger_row_is_listed_and_not_ours(store: Store, tamper: Tamper, change: str) -> None:
    give(store, create(member(1, "acme"), membership(1, "/acme")), create(group("acme")))
    assert tamper(f"UPDATE ledger SET {change} WHERE kind = 'member'") == 1
    assert keys(store) == {group("acme")}
    assert keys(store, "beta") == keys(store, target="ldap") == set()
    assert broken(store) == ["ledger"]


def test_a_ledger_row_without_a_good_seal_is_replaced_when_the_thing_is_claimed_again(
    store: Store, tamper: Tamper
) -> None:
    give(store, create(group("acme")))
    tamper("UPDATE ledger SET native = '\"other\"'")
    give(store, create(group("acme")))
    assert keys(store) == {group("acme")}
    assert broken(store) == []


def test_a_changed_profile_is_listed_and_not_ours(store: Store, tamper: Tamper) -> None:
    give(store, create(Key(Kind.PERSON, (), (person(1),)), email=("ann@acme.example",)))
    tamper('UPDATE person_names SET value = \'{"email":["eve@evil.example"]}\'')
    assert keys(store) == set()
    assert broken(store) == ["person_names"]


@pytest.mark.parametrize(
    "change",
    ["digest = '{0}'", "who = '\"bob\"'", "expires_at = '2099-01-01 00:00:00.000000+00'", "used_at = NULL"],
)
def test_a_changed_approval_is_none(store: Store, tamper: Tamper, clock: Clock, change: str) -> None:
    other = "beef" * 16
    for digest in (DIGEST, other):
        store.save_plan("run", "acme", digest, {}, [], clock())
    store.approve(DIGEST, "ann")
    if "used_at" in change:
        assert store.take_approval("acme", DIGEST, clock())
    assert tamper(f"UPDATE approvals SET {change.format(other)}") == 1
    assert not store.take_approval("acme", DIGEST, clock())
    assert not store.take_approval("acme", other, clock())
    assert broken(store) == ["approvals"]
    assert [plan.state for plan in store.plans() if plan.state in ("approved", "applied")] == []


def test_an_approval_cannot_be_made_up(store: Store, tamper: Tamper, clock: Clock) -> None:
    store.save_plan("run", "acme", DIGEST, {}, [], clock())
    tamper(
        "INSERT INTO approvals VALUES ('acme', :digest, 'p', '\"ann\"', '\"\"',"
        " '2027-03-01 09:00:00.000000+00', '2099-01-01 00:00:00.000000+00', NULL, :mac)",
        digest=DIGEST,
        mac="0" * 64,
    )
    assert not store.take_approval("acme", DIGEST, clock())
    assert broken(store) == ["approvals"]


def test_changed_adoptions_policies_and_copies_are_not_used(
    store: Store, tamper: Tamper, clock: Clock
) -> None:
    store.approve_adoption("acme", TARGET, group("acme"), "ann")
    store.save_policy("acme", {"adopt": "ask"}, "ann")
    store.save_source("acme", "hr", "[]", "d", 0, clock())
    store.mark_first_apply("acme", "run")
    tamper('UPDATE adoptions SET key = \'["group",["admins"],[]]\'')
    tamper('UPDATE policies SET document = \'{"adopt":"yes"}\'')
    tamper('UPDATE sources SET rows_json = \'[{"email":"eve@evil.example"}]\'')
    tamper("UPDATE first_applies SET run = 'other'")
    assert store.adoptions("acme") == frozenset()
    assert store.accepted_policy("acme") is None
    assert store.last_source("acme", "hr") is None
    assert store.first_apply_done("acme")
    assert broken(store) == ["adoptions", "first_applies", "policies", "sources"]


def test_a_broken_row_is_not_made_good_by_renaming_its_mapping(
    store: Store, tamper: Tamper, clock: Clock
) -> None:
    give(store, create(group("acme")), create(group("b")))
    store.save_source("acme", "hr", "[]", "d", 0, clock())
    tamper("UPDATE ledger SET native = '\"other\"' WHERE place = '[\"b\"]'")
    tamper("UPDATE sources SET rows_json = '[1]'")
    store.renamed_mapping("acme", "holding")
    assert keys(store, "holding") == {group("acme")}
    assert store.last_source("holding", "hr") is None
    assert broken(store) == ["ledger", "sources"]


def test_an_untouched_store_has_no_problem_and_says_what_is_wrong_with_a_touched_one(
    store: Store, tamper: Tamper
) -> None:
    give(store, create(group("acme")))
    assert store.check() == []
    tamper("UPDATE ledger SET native = '\"other\"'")
    tamper("UPDATE audit SET result = 'refused'")
    assert store.check() == [
        'ledger of mapping acme: keycloak group ["acme"] []: the seal does not hold, so the row is not used',
        "audit of acme, row 1: it was changed after it was written",
    ]


def fill_audit(store: Store) -> None:
    give(store, *(create(member(number, "acme")) for number in range(6)))
    give(store, create(group("beta")), mapping="beta")
    assert store.verify_audit() == []


@pytest.mark.parametrize(
    ("statement", "row", "reason"),
    [
        ("UPDATE audit SET result = 'refused' WHERE seq = 3 AND mapping = 'acme'", 3, "changed"),
        ("UPDATE audit SET detail = '{}' WHERE seq = 3 AND mapping = 'acme'", 3, "changed"),
        (
            "UPDATE audit SET at = '2020-01-01 00:00:00.000000+00' WHERE seq = 3 AND mapping = 'acme'",
            3,
            "changed",
        ),
        ("UPDATE audit SET prev = mac WHERE seq = 3 AND mapping = 'acme'", 3, "does not follow"),
        ("DELETE FROM audit WHERE seq = 3 AND mapping = 'acme'", 3, "rows 3 to 3 are missing"),
        ("DELETE FROM audit WHERE seq < 3 AND mapping = 'acme'", 1, "rows 1 to 2 are missing"),
        ("DELETE FROM audit WHERE seq > 4 AND mapping = 'acme'", 5, "should end at row 6, it ends at 4"),
        ("DELETE FROM audit WHERE mapping = 'acme'", 1, "should end at row 6, it ends at 0"),
        ("DELETE FROM audit_heads WHERE mapping = 'acme'", 6, "end of the chain is not recorded"),
        ("UPDATE audit_heads SET seq = 5 WHERE mapping = 'acme'", 5, "chain's end was changed"),
    ],
)
def test_an_edited_or_cut_audit_trail_shows_where(
    store: Store, tamper: Tamper, statement: str, row: int, reason: str
) -> None:
    fill_audit(store)
    assert tamper(statement)
    first = store.verify_audit()[0]
    assert (first.mapping, first.seq) == ("acme", row)
    assert reason in first.reason


def test_swapped_audit_rows_show(store: Store, tamper: Tamper) -> None:
    fill_audit(store)
    for old, new in ((2, 99), (4, 2), (99, 4)):
        tamper("UPDATE audit SET seq = :new WHERE seq = :old AND mapping = 'acme'", old=old, new=new)
    assert {found.seq for found in store.verify_audit()} >= {2, 4}


def test_a_tail_cut_together_with_an_older_head_shows_in_the_head_kept_elsewhere(
    store: Store, tamper: Tamper
) -> None:
    give(store, create(group("a")))
    older = tamper.values("SELECT last FROM audit_heads"), tamper.values("SELECT mac FROM audit_heads")
    give(store, create(group("b")))
    kept = store.audit_head("acme")
    tamper("DELETE FROM audit WHERE seq = 2")
    tamper("UPDATE audit_heads SET seq = 1, last = :last, mac = :mac", last=older[0][0], mac=older[1][0])
    assert store.verify_audit() == []
    assert store.audit_head("acme") != kept


def test_another_key_is_named_as_the_reason_before_every_row_looks_tampered_with(
    store: Store, url: str
) -> None:
    with (
        open_store(url, KEY[::-1]) as other,
        pytest.raises(StoreError, match="sealed with another integrity key"),
    ):
        other.ready()


def test_a_key_that_protects_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="16 bytes; it needs at least 32"):
        open_store(f"sqlite:///{tmp_path}/syncd.db", b"0123456789abcdef")
