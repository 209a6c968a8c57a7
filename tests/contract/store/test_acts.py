"""Records of acts: what is kept, who wins, what is on record, and what is forgotten with a person."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from typing import TYPE_CHECKING, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.acts import (
    RECORDS,
    Call,
    Grant,
    Invitation,
    InvitationState,
    Join,
    Link,
    Lock,
    Notice,
    Record,
    Redemption,
    Transfer,
)
from syncd.errors import Stale, StoreError
from syncd.identity import Person
from syncd.store import open_store
from tests.contract.store import actors
from tests.contract.store.actors import PATIENCE
from tests.contract.store.facts import KEY, START, create, give, group, person

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.store import Store
    from tests.contract.store.facts import Clock, Tamper

SPAWN = get_context("spawn")
PROCESSES, THREADS, LINKS = 4, 25, 10

ANN, BOB = person(1), person(2)
GRANT = Grant("g_1", "acme", unit="/acme", role="member", person=ANN, who="ann@acme.example", by=BOB)
ASKED = Invitation("i_1", "acme", person=ANN, address="ann@acme.example", unit="/acme", by="operator:root")
LINK = Link("l_1", "acme", unit="/acme", role="member", by=BOB, token="a" * 64)
CALL = Redemption("r_1", "acme", link="l_1", address="carla@acme.example")
NOTICE = Notice("n_1", "acme", to="bob@acme.example", about="invitation.accepted", values={"person": "x"})


def events(store: Store, mapping: str = "acme") -> list[tuple[str, str]]:
    """What the audit trail says, oldest first: event and actor."""
    return [(row.event, row.actor) for row in reversed(store.audit(mapping))]


def test_a_new_record_is_version_one_and_comes_back(store: Store) -> None:
    kept = store.acts.add(GRANT)
    assert kept == replace(GRANT, version=1)
    assert store.acts.get("grant", "g_1") == store.acts.get(Grant, "g_1") == kept
    assert store.acts.get("invitation", "g_1") is None


@pytest.mark.parametrize("id_", ["", "g_2", "\x00", "g_1\x00", "é", "\ud800", "g" * 999])
def test_an_id_that_nobody_has_is_not_found(store: Store, id_: str) -> None:
    store.acts.add(GRANT)
    assert store.acts.get("grant", id_) is None


def test_an_id_is_given_once(store: Store) -> None:
    store.acts.add(GRANT)
    with pytest.raises(Stale, match="there is a grant g_1 already"):
        store.acts.add(replace(GRANT, role="owner"))
    assert store.acts.all("grant", "acme") == [replace(GRANT, version=1)]


def test_a_saved_record_has_the_next_version(store: Store) -> None:
    first = store.acts.add(ASKED)
    second = store.acts.save(replace(first, state=InvitationState.SENDING, attempt=1))
    assert second == replace(ASKED, state=InvitationState.SENDING, attempt=1, version=2)
    assert store.acts.get(Invitation, "i_1") == second


def test_of_two_who_save_the_same_version_the_second_is_told(store: Store) -> None:
    read = store.acts.add(ASKED)
    store.acts.save(replace(read, state=InvitationState.CANCELLED))
    with pytest.raises(Stale, match="i_1 was changed by somebody else meanwhile") as caught:
        store.acts.save(replace(read, state=InvitationState.SENDING))
    assert (caught.value.exit_code, caught.value.retryable) == (75, True)
    assert [one.state for one in store.acts.all(Invitation, "acme")] == [InvitationState.CANCELLED]
    assert events(store) == [
        ("invitation.requested", "operator:root"),
        ("invitation.cancelled", "operator:root"),
    ]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_what_is_not_stored_cannot_be_saved(store: Store, version: int) -> None:
    with pytest.raises(Stale):
        store.acts.save(replace(GRANT, version=version))
    assert store.acts.all("grant", None) == []


def test_several_records_are_changed_together_and_come_back_in_their_order(store: Store) -> None:
    waiting = store.acts.add(replace(GRANT, waits="i_1"))
    asked = store.acts.add(ASKED)
    given_now = replace(waiting, waits="", since=START)
    accepted = replace(asked, state=InvitationState.ACCEPTED)
    joined = Join("j_1", "acme", person=BOB)
    kept = store.acts.change(joined, given_now, accepted, notices=[NOTICE])
    assert kept == (
        replace(joined, version=1),
        replace(given_now, version=2),
        replace(accepted, version=2),
    )
    for record in (*kept, replace(NOTICE, version=1)):
        assert store.acts.get(type(record), record.id) == record


@pytest.mark.parametrize("fault", ["stale", "taken", "stale removal"])
def test_of_several_changes_none_is_made_when_one_is_stale(store: Store, fault: str) -> None:
    asked = store.acts.add(ASKED)
    link = store.acts.add(LINK)
    store.acts.save(replace(asked, attempt=1))
    records: dict[str, tuple[Record, ...]] = {
        "stale": (GRANT, replace(link, revoked=True), asked),
        "taken": (GRANT, replace(link, revoked=True), ASKED),
        "stale removal": (GRANT, replace(link, revoked=True)),
    }
    before = events(store)
    gone = [asked] if fault == "stale removal" else []
    with pytest.raises(Stale):
        store.acts.change(*records[fault], notices=[NOTICE], gone=gone)
    assert store.acts.get(Grant, "g_1") is None
    assert store.acts.get(Notice, "n_1") is None
    assert store.acts.get(Link, "l_1") == link
    assert events(store) == before


def test_the_first_change_keeps_a_call_with_it_or_neither(store: Store) -> None:
    call, calling = Call("c_1", "acme", by=BOB), store.calling(Call("c_1", "acme", by=BOB))
    with pytest.raises(Stale):
        calling.acts.save(replace(GRANT, version=7))
    assert store.acts.all(Call, "acme") == []
    assert calling.acts.change(GRANT, ASKED) == (replace(GRANT, version=1), replace(ASKED, version=1))
    assert store.acts.all(Call, "acme") == [replace(call, version=1)]
    assert calling.acts.add(LINK) == replace(LINK, version=1)
    store.acts.add(NOTICE)
    assert store.acts.all(Call, "acme") == [replace(call, version=1)]


def test_a_record_that_is_gone_cannot_be_saved_any_more_and_its_removal_is_on_record(store: Store) -> None:
    grant = store.acts.add(GRANT)
    assert store.acts.change(gone=[grant], by="operator:root") == ()
    assert store.acts.all("grant", "acme") == []
    with pytest.raises(Stale):
        store.acts.save(grant)
    assert events(store) == [("grant.given", BOB), ("grant.removed", "operator:root")]


def test_records_are_found_by_mapping_state_person_and_unit_oldest_first(store: Store, clock: Clock) -> None:
    told = [
        replace(GRANT, id="g_9"),
        replace(GRANT, id="g_2", person=BOB),
        replace(GRANT, id="g_3", waits="i_1", unit="/acme/é\x00"),
        replace(GRANT, id="g_4", mapping="beta"),
    ]
    for record in told:
        store.acts.add(record)
        clock.advance(seconds=1)
    by_id = {record.id: replace(record, version=1) for record in told}

    def found(mapping: str | None, **wanted: str) -> list[str]:
        records = store.acts.all(Grant, mapping, **wanted)
        assert all(by_id[record.id] == record for record in records)
        return [record.id for record in records]

    assert found("acme") == ["g_9", "g_2", "g_3"]
    assert found(None) == ["g_9", "g_2", "g_3", "g_4"]
    assert found("acme", state="waiting") == ["g_3"]
    assert found("acme", state="given", person=ANN) == ["g_9"]
    assert found("acme", person=BOB) == ["g_2"]
    assert found("acme", unit="/acme/é\x00") == ["g_3"]
    assert found("gamma") == found("acme", unit="/acme/other") == []
    assert store.acts.all("invitation", "acme") == []


def test_links_and_transfers_are_found_by_their_token_only(store: Store) -> None:
    link = store.acts.add(LINK)
    transfer = store.acts.add(Transfer("t_1", "acme", owner=ANN, token="b" * 64))
    store.acts.add(Transfer("t_2", "acme", owner=ANN))
    store.acts.add(Transfer("t_3", "acme", owner=ANN))
    assert store.acts.find_link(LINK.token) == link
    assert store.acts.find_transfer(transfer.token) == transfer
    assert store.acts.find_link(transfer.token) is None
    assert store.acts.find_transfer("") is None
    assert store.acts.find_link("c" * 64) is None
    assert store.acts.all(Transfer, "acme", person=ANN, state="asked")[0] == transfer


def test_a_revoked_link_is_still_found_and_said_to_be_so(store: Store) -> None:
    store.acts.save(replace(store.acts.add(LINK), revoked=True))
    assert [one.revoked for one in store.acts.all(Link, "acme", state="revoked")] == [True]
    assert store.acts.find_link(LINK.token) is not None


@pytest.mark.parametrize("max_uses", [None, 1, 3])
def test_a_link_is_redeemed_as_often_as_it_allows(store: Store, max_uses: int | None) -> None:
    store.acts.add(replace(LINK, max_uses=max_uses))
    answers = [store.acts.redeem("l_1", replace(CALL, id=f"r_{n}"), START) for n in range(5)]
    allowed = 5 if max_uses is None else max_uses
    assert answers == [True] * allowed + [False] * (5 - allowed)
    link = store.acts.get(Link, "l_1")
    assert link is not None
    assert link.uses == allowed
    assert len(store.acts.all(Redemption, "acme")) == allowed


def test_a_redemption_belongs_to_the_link_and_its_mapping(store: Store) -> None:
    store.acts.add(LINK)
    assert store.acts.redeem("l_1", replace(CALL, mapping="", link=""), START)
    assert store.acts.all(Redemption, "acme", state="recorded") == [replace(CALL, version=1)]


@pytest.mark.parametrize(
    ("change", "after", "allowed"),
    [
        ({"expires_at": START}, timedelta(0), False),
        ({"expires_at": START}, timedelta(microseconds=-1), True),
        ({"revoked": True}, timedelta(0), False),
        ({"max_uses": 0}, timedelta(0), False),
    ],
)
def test_a_link_out_of_its_bounds_is_not_redeemed(
    store: Store, change: dict[str, object], after: timedelta, allowed: bool
) -> None:
    store.acts.add(replace(LINK, **change))
    assert store.acts.redeem("l_1", CALL, START + after) is allowed
    assert len(store.acts.all(Redemption, "acme")) == allowed


def test_an_unknown_link_is_not_redeemed(store: Store) -> None:
    assert not store.acts.redeem("l_9", CALL, START)
    assert store.acts.all("redemption", None) == []


def test_a_redemption_that_was_recorded_already_uses_nothing_up(store: Store) -> None:
    store.acts.add(replace(LINK, max_uses=3))
    assert store.acts.redeem("l_1", CALL, START)
    with pytest.raises(Stale):
        store.acts.redeem("l_1", CALL, START)
    link = store.acts.get(Link, "l_1")
    assert link is not None
    assert link.uses == 1


def raced(act: Callable[..., None], url: str, things: object) -> list[tuple[str, bool]]:
    """What all threads of all processes report, who begin each of several rounds at the same moment."""
    line, won = SPAWN.Barrier(PROCESSES * THREADS), SPAWN.Queue()
    racers = [
        SPAWN.Process(target=act, args=(url, things, actors.Start(number, THREADS, line, won)), daemon=True)
        for number in range(PROCESSES)
    ]
    for racer in racers:
        racer.start()
    found = [entry for _ in racers for entry in won.get(timeout=PATIENCE)]
    for racer in racers:
        racer.join(PATIENCE)
    assert [racer.exitcode for racer in racers] == [0] * PROCESSES
    return found


def test_of_a_hundred_who_redeem_a_link_for_one_at_once_exactly_one_does(url: str) -> None:
    links = [f"l_{number}" for number in range(LINKS)]
    with open_store(url, KEY) as store:
        store.upgrade()
        for link in links:
            store.acts.add(replace(LINK, id=link, token=link * 8, max_uses=1))
        tried = raced(actors.race_for_links, url, links)
        assert len(tried) == PROCESSES * THREADS * LINKS
        assert sorted(link for link, won in tried if won) == links
        assert sorted(one.link for one in store.acts.all(Redemption, "acme")) == links
        assert {one.uses for one in store.acts.all(Link, "acme")} == {1}
        assert store.check() == []


def test_of_a_hundred_who_save_the_same_version_at_once_exactly_one_does(url: str) -> None:
    with open_store(url, KEY) as store:
        store.upgrade()
        invitations = [store.acts.add(replace(ASKED, id=f"i_{number}")) for number in range(LINKS)]
        tried = raced(actors.race_to_save, url, invitations)
        assert len(tried) == PROCESSES * THREADS * LINKS
        assert sorted(id_ for id_, won in tried if won) == [one.id for one in invitations]
        assert [one.version for one in store.acts.all(Invitation, "acme")] == [2] * LINKS
        assert store.check() == []


def test_of_a_hundred_who_add_the_same_id_at_once_exactly_one_does(url: str) -> None:
    with open_store(url, KEY) as store:
        store.upgrade()
        grants = [replace(GRANT, id=f"g_{number}") for number in range(LINKS)]
        tried = raced(actors.race_to_save, url, grants)
        assert sorted(id_ for id_, won in tried if won) == [one.id for one in grants]
        assert [one.version for one in store.acts.all(Grant, "acme")] == [1] * LINKS


def test_two_who_change_the_same_records_in_another_order_do_not_block_each_other(url: str) -> None:
    with open_store(url, KEY) as store:
        store.upgrade()
        pairs = [
            store.acts.change(replace(GRANT, id=f"g_{n}"), replace(LINK, id=f"l_{n}", token=f"{n:064x}"))
            for n in range(LINKS)
        ]
        tried = raced(actors.race_to_change, url, pairs)
        assert sorted(id_ for id_, won in tried if won) == [f"g_{n}" for n in range(LINKS)]
        assert store.check() == []


def test_mails_are_counted_by_mapping_person_unit_and_time(store: Store, clock: Clock) -> None:
    store.acts.note_send(ASKED, clock())
    store.acts.note_send(replace(ASKED, kind="resend"), clock.advance(hours=1))
    store.acts.note_send(replace(ASKED, id="i_2", person=BOB, unit="/acme/a"), clock())
    store.acts.note_send(replace(ASKED, mapping="beta"), clock())
    assert store.acts.mails_since("acme", START) == 3
    assert store.acts.mails_since("acme", clock()) == 2
    assert store.acts.mails_since("acme", clock() + timedelta(microseconds=1)) == 0
    assert store.acts.mails_since("acme", START, person=ANN) == 2
    assert store.acts.mails_since("acme", START, unit="/acme/a") == 1
    assert store.acts.mails_since("acme", START, person=BOB, unit="/acme") == 0


def test_every_change_is_on_record_with_whose_act_it_was_and_without_names(store: Store) -> None:
    grant = store.acts.add(replace(GRANT, waits="i_1", reason="asked by phone"))
    store.acts.save(replace(grant, waits=""), by="operator:root")
    store.acts.save(replace(store.acts.add(LINK), revoked=True), by=ANN)
    store.acts.add(NOTICE)
    store.acts.add(Redemption("r_1", "acme", link="l_1", address="carla@acme.example", reason="of carla"))
    store.acts.add(Lock("k_1", "acme", person=ANN, by=BOB, details={"name": "ann"}))
    assert events(store) == [
        ("grant.waiting", BOB),
        ("grant.given", "operator:root"),
        ("link.open", BOB),
        ("link.revoked", ANN),
        ("notice.waiting", ""),
        ("redemption.recorded", ""),
        ("lock.disabled", BOB),
    ]
    rows = {row.event: row for row in store.audit("acme")}
    assert rows["grant.given"].person == ANN
    assert rows["grant.given"].detail == {
        "id": "g_1",
        "unit": "/acme",
        "role": "member",
        "reason": "asked by phone",
    }
    assert rows["redemption.recorded"].detail == {"id": "r_1"}
    said = " ".join(str(row.detail) for row in rows.values())
    assert not any(name in said for name in ("acme.example", "carla", "'ann'"))
    assert store.verify_audit() == []


@pytest.mark.parametrize(
    "change",
    [
        'document = \'{"role":"owner"}\'',
        f"person = '\"{BOB}\"'",
        "unit = '\"/other\"'",
        "state = 'waiting'",
        "mapping = 'beta'",
        "id = 'g_2'",
        "kind = 'lock'",
        "version = 7",
        "token = 'b'",
        "created_at = '2020-01-01 00:00:00.000000+00'",
    ],
)
def test_a_changed_record_is_listed_not_used_and_not_written_over(
    store: Store, tamper: Tamper, change: str
) -> None:
    kept = store.acts.add(GRANT)
    assert tamper(f"UPDATE acts SET {change}") == 1
    for mapping in (None, "acme", "beta"):
        assert store.acts.all("grant", mapping) == store.acts.all("lock", mapping) == []
    assert store.acts.get("grant", "g_1") is None
    assert store.acts.get("grant", "g_2") is None
    assert [found.table for found in store.integrity_problems()] == ["acts"]
    for act in (lambda: store.acts.save(kept), lambda: store.acts.change(gone=[kept])):
        with pytest.raises((StoreError, Stale)):
            act()
    assert [found.table for found in store.integrity_problems()] == ["acts"]


def test_a_record_that_was_tampered_with_says_so_to_who_writes_it(store: Store, tamper: Tamper) -> None:
    kept = store.acts.add(GRANT)
    tamper("UPDATE acts SET document = '{}'")
    with pytest.raises(
        StoreError, match="grant g_1 was changed in the database by something other"
    ) as caught:
        store.acts.save(kept)
    assert "audit verify" in caught.value.remedy
    assert [str(found) for found in store.integrity_problems()] == [
        "acts of mapping acme: grant g_1: the seal does not hold, so the row is not used"
    ]


def test_a_link_that_was_tampered_with_is_not_redeemed(store: Store, tamper: Tamper) -> None:
    store.acts.add(replace(LINK, max_uses=1))
    assert store.acts.redeem("l_1", CALL, START)
    unused = "UPDATE acts SET document = replace(document, :used, :unused) WHERE kind = 'link'"
    assert tamper(unused, used='"uses":1', unused='"uses":0') == 1
    assert not store.acts.redeem("l_1", replace(CALL, id="r_2"), START)
    assert store.acts.find_link(LINK.token) is None


def test_a_record_cannot_be_made_up(store: Store, tamper: Tamper) -> None:
    store.acts.add(GRANT)
    columns = "mapping, state, person, unit, token, version, document, created_at, changed_at, mac"
    tamper(f"INSERT INTO acts (kind, id, {columns}) SELECT kind, 'g_2', {columns} FROM acts")
    assert [one.id for one in store.acts.all("grant", "acme")] == ["g_1"]
    assert [found.row for found in store.integrity_problems()] == ["grant g_2"]


def test_a_renamed_mapping_keeps_its_acts_and_its_count_of_mails(
    store: Store, tamper: Tamper, clock: Clock
) -> None:
    read = store.acts.add(GRANT)
    store.acts.add(replace(GRANT, id="g_2"))
    store.acts.note_send(ASKED, clock())
    tamper("UPDATE acts SET document = '{}' WHERE id = 'g_2'")
    assert store.renamed_mapping("acme", "holding")
    store.acts.note_send(replace(ASKED, mapping="holding"), clock())
    assert store.acts.all("grant", "holding") == [replace(read, mapping="holding")]
    assert store.acts.all("grant", "acme") == []
    assert store.acts.mails_since("holding", START) == 2
    assert [(one.mapping, one.row) for one in store.integrity_problems()] == [("acme", "grant g_2")]
    with pytest.raises(Stale):
        store.acts.save(read)


def test_a_record_of_a_newer_program_is_named_with_the_remedy(store: Store, tamper: Tamper) -> None:
    kept = store.acts.add(GRANT)
    seal = store._seal
    row = {"kind": "grant", "id": "g_1", "mapping": "acme", "state": "given", "person": f'"{ANN}"'}
    row |= {"unit": '"/acme"', "token": None, "version": 1, "created_at": START, "changed_at": START}
    for document in ({"colour": "red"}, {"source": "oracle"}, {"until": "never"}):
        sealed = seal.sealed("acts", {**row, "document": document})
        with store._database.writing() as connection:
            connection.execute(actors.acts_update(sealed))
        with pytest.raises(StoreError, match="grant g_1 says something this program does not know") as caught:
            store.acts.get("grant", kept.id)
        assert "newer" in caught.value.remedy


def test_a_field_that_an_older_program_did_not_know_has_its_default(store: Store) -> None:
    store.acts.add(ASKED)
    row = {"kind": "invitation", "id": "i_1", "mapping": "acme", "state": "requested", "token": None}
    row |= {"person": f'"{ANN}"', "unit": '"/acme"', "created_at": START, "changed_at": START}
    sealed = store._seal.sealed("acts", {**row, "version": 1, "document": {"person": ANN}})
    with store._database.writing() as connection:
        connection.execute(actors.acts_update(sealed))
    assert store.acts.get(Invitation, "i_1") == Invitation("i_1", "acme", 1, person=ANN)


PERSONAL = ("who", "address", "given_name", "family_name", "reason", "to")
CHOSEN: Sequence[Record] = (
    replace(GRANT, reason="she is Ann Martin"),
    replace(ASKED, given_name="Ann", family_name="Martin", reason="the mailbox of Ann is full", attempt=1),
    replace(CALL, address="A.Martin@acme.example", given_name="Ann", family_name="Martin"),
    Join("j_1", "acme", unit="/acme", person=ANN, address="ann.other@acme.example"),
    Lock("k_1", "acme", person=ANN, by=BOB, reason="Ann left", details={"mail": "ann@acme.example"}),
    replace(NOTICE, values={"person": "ANN@acme.example", "name": "Ann Martin"}),
    Notice("n_2", "acme", to="ann.other@acme.example", about="join.approved", state="sent"),
    Notice("n_3", "acme", to="bob@acme.example", values={"invitation": "i_1", "name": "Ann Martin"}),
    Grant("g_3", "acme", unit="/acme", role="lead", who="a.martin@acme.example", by=BOB),
)
OTHERS: Sequence[Record] = (
    replace(GRANT, id="g_2", person=BOB, who="bob@acme.example", reason="Ann"),
    Notice("n_4", "acme", to="bob@acme.example", values={"person": "carla@acme.example"}),
    Redemption("r_2", "acme", link="l_1", address="joann@acme.example", given_name="Jo"),
    Lock("k_2", "beta", person=BOB, details={"mail": "bob@acme.example"}),
)


def test_erasing_a_person_blanks_their_records_and_those_that_name_them(store: Store, tamper: Tamper) -> None:
    names = frozenset({"ann@acme.example", "a.martin@acme.example"})
    store.save_persons([Person(ANN, addresses=names), Person(BOB)])
    store.acts.change(*CHOSEN, *OTHERS)
    assert store.erase(ANN)
    said = " ".join(str(text) for text in tamper.values("SELECT document FROM acts WHERE id NOT LIKE '%2'"))
    assert "artin" not in said
    assert "ann.other" not in said.casefold()
    for record in CHOSEN:
        found = store.acts.get(type(record), record.id)
        assert found is not None
        assert found.version == 2
        assert not any(getattr(found, name, "") for name in PERSONAL if name != "reason")
    for record in OTHERS:
        assert store.acts.get(type(record), record.id) == replace(record, version=1)
    assert store.check() == []


def test_an_erased_persons_records_keep_what_they_are_for_and_waiting_notices_never_leave(
    store: Store,
) -> None:
    store.save_persons([Person(ANN, addresses=frozenset({"a.martin@acme.example"}))])
    store.acts.change(*CHOSEN)
    store.erase(ANN)
    blank = {"who": "", "reason": ""}
    assert store.acts.get(Grant, "g_1") == replace(GRANT, **blank, version=2)
    invitation = store.acts.get(Invitation, "i_1")
    assert invitation is not None
    assert (invitation.person, invitation.unit, invitation.attempt) == (ANN, "/acme", 1)
    by_address = store.acts.get(Grant, "g_3")
    assert by_address is not None
    assert (by_address.person, by_address.role) == (ANN, "lead")
    assert {one.id: (one.state, one.reason) for one in store.acts.all(Notice, "acme")} == {
        "n_1": ("failed", "erased"),
        "n_2": ("sent", "erased"),
        "n_3": ("failed", "erased"),
    }
    erased = [row for row in store.audit("acme") if row.event.endswith(".erased")]
    assert len(erased) == len(CHOSEN)
    assert {(row.person, row.detail is None) for row in erased} == {(ANN, True)}


def test_who_read_a_record_before_the_erasure_cannot_write_the_names_back(store: Store) -> None:
    store.save_persons([Person(ANN)])
    read = store.acts.add(ASKED)
    store.erase(ANN)
    with pytest.raises(Stale):
        store.acts.save(replace(read, attempt=1))


def test_somebody_known_from_acts_only_is_erased_once(store: Store) -> None:
    store.acts.add(ASKED)
    assert store.erase(ANN)
    assert not store.erase(ANN)
    assert [one.version for one in store.acts.all(Invitation, "acme")] == [2]


def test_a_tampered_record_loses_its_names_and_stays_broken(store: Store, tamper: Tamper) -> None:
    store.save_persons([Person(ANN, addresses=frozenset({"a.martin@acme.example"}))])
    store.acts.change(*CHOSEN, *OTHERS)
    tamper("UPDATE acts SET version = 9 WHERE id IN ('i_1', 'g_3', 'n_4')")
    store.erase(ANN)
    assert tamper.values("SELECT document FROM acts WHERE version = 9 AND id <> 'n_4'") == ["{}", "{}"]
    assert "carla" in str(tamper.values("SELECT document FROM acts WHERE id = 'n_4'"))
    assert {found.row for found in store.integrity_problems()} == {
        "invitation i_1",
        "grant g_3",
        "notice n_4",
    }


def test_a_time_without_a_zone_is_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        store.acts.change(LINK, replace(GRANT, since=datetime(2027, 3, 1)))  # noqa: DTZ001  the point
    assert store.acts.all("link", None) == []
    assert store.audit() == []


def test_acts_do_not_disturb_what_a_run_owns(store: Store) -> None:
    give(store, create(group("acme")))
    store.acts.add(GRANT)
    assert len(store.owned("acme", "keycloak")) == 1
    assert store.check() == []


texts = st.text(max_size=12)
known_types: dict[object, st.SearchStrategy[object]] = {
    str: texts,
    int: st.integers(0, 2**31),
    datetime | None: st.none() | st.datetimes(timezones=st.timezones()),
    date | None: st.none() | st.dates(),
    tuple[str, ...]: st.lists(texts, max_size=3).map(tuple),
}


def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Any record of a class, but for its id and token, which must be new in the store."""
    fields = {
        name: known_types[hint] if hint in known_types else st.from_type(hint)
        for name, hint in get_type_hints(kind).items()
    }
    fields |= {"mapping": st.sampled_from(["acme", "beta"]), "version": st.just(0)}
    return st.builds(kind, **{name: value for name, value in fields.items() if not _is_state(kind, name)})


def _new(record: Record) -> Record:
    record = replace(record, id=f"x_{secrets.token_hex(8)}")
    tokens = {"token": secrets.token_hex(32)} if getattr(record, "token", "") else {}
    return replace(record, **tokens)


def _in_utc(record: Record) -> Record:
    """The same instants in UTC: in its own zone an hour that comes twice equals nothing (PEP 495)."""
    values = {name: getattr(record, name) for name in get_type_hints(type(record))}
    times = {name: value.astimezone(UTC) for name, value in values.items() if isinstance(value, datetime)}
    return replace(record, **times)


def _is_state(kind: type[Record], name: str) -> bool:
    """States are words of the program, so a column keeps them as they are."""
    return name == "state" and kind is not Invitation


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(record=st.sampled_from(sorted(RECORDS.values(), key=str)).flatmap(records))
def test_every_field_of_every_kind_comes_back_as_it_was(store: Store, record: Record) -> None:
    record = _new(record)
    kept = store.acts.add(record)
    found = store.acts.get(type(record), record.id)
    assert found == _in_utc(kept) == _in_utc(replace(record, version=1))
    for name, hint in get_type_hints(type(record)).items():
        value = getattr(found, name)
        assert not isinstance(value, list)
        if hint == datetime | None and value is not None:
            assert value.tzinfo is UTC
    assert store.integrity_problems() == []
