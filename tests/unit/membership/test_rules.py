"""Whom rules lock, open again and end: seats, rosters, the last membership, the day of a deletion."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Lock
from syncd.errors import MappingInvalid
from syncd.identity import Person
from syncd.mapping.values import Duration
from syncd.membership_endings import ending
from syncd.membership_rules import LAST, REFUSED, SEATS, Known, RosterPeople, standing
from tests.unit.membership.bureau import BO, FAY, SAM, SUE, UNIT

if TYPE_CHECKING:
    from syncd.membership_rules import Standing
    from tests.unit.membership.bureau import Bureau

OVERFLOW = "settings: {seats: {overflow: disable_newest}}\n"
HR, DAY = "rosters.hr.authoritative", Duration(days=1)
STAFF = frozenset({SUE, SAM})


def judged(
    bureau: Bureau,
    *,
    made: tuple[str, ...] = (),
    busy: tuple[str, ...] = (),
    most: int = 3,
    **rosters: RosterPeople,
) -> Standing:
    office = bureau.office()
    ids = {name: office.person(name) for name in (*made, *busy)}
    known = Known(
        persons=office.people.persons,
        locks=bureau.store.acts.all(Lock, "acme"),
        rosters=rosters,
        made=frozenset(ids[name] for name in made),
        busy=frozenset(ids[name] for name in busy),
        now=bureau.now,
        most=most,
    )
    return standing(office.world, known)


def names(bureau: Bureau, people: object) -> set[str]:
    world = bureau.office().world
    return {world.name(person) for person in people}  # type: ignore[attr-defined]  # a mapping or a set


def on_record(bureau: Bureau, who: str, rule: str, state: str = "disabled", **more: object) -> None:
    lock = Lock(bureau.new_id("l"), "acme", person=bureau.office().person(who), since=bureau.now, rule=rule)
    bureau.store.acts.add(replace(lock, state=state, **more))


def staffed(bureau: Bureau, seats: int) -> Bureau:
    """Fay, Bo, Sue and, last of all, Sam hold paid seats."""
    bureau.text = bureau.text.replace("paid: 6", "paid: 9")
    for who in (SUE, SAM):
        bureau.hire(who)
        bureau.now += timedelta(hours=1)
    bureau.text = bureau.text.replace("paid: 9", f"paid: {seats}") + OVERFLOW
    return bureau


# --- seats --------------------------------------------------------------------------------------------


def test_the_newest_holders_above_the_seats_are_locked(bureau: Bureau) -> None:
    staffed(bureau, 4)
    assert judged(bureau).locked == {}
    bureau.text = bureau.text.replace("paid: 4", "paid: 3")
    locked = judged(bureau).locked
    assert names(bureau, locked) == {SAM}
    assert {cause.rule for cause in locked.values()} == {SEATS}
    bureau.text = bureau.text.replace("paid: 3", "paid: 2")
    assert names(bureau, judged(bureau).locked) == {SAM, SUE}


def test_the_last_administrator_keeps_a_seat_however_few_there_are(bureau: Bureau) -> None:
    staffed(bureau, 1)
    found = judged(bureau)
    assert names(bureau, found.locked) == {SAM, SUE, BO}
    bureau.text = bureau.text.replace("paid: 1", "paid: 0")
    found = judged(bureau)
    assert FAY in names(bureau, found.spared)
    assert FAY not in names(bureau, found.locked)


def test_a_seat_that_is_free_again_opens_whom_the_rule_locked_and_nobody_else(bureau: Bureau) -> None:
    staffed(bureau, 3)
    on_record(bureau, SAM, SEATS)
    bureau.accounts.disable(f"id-{SAM}")
    assert names(bureau, judged(bureau).locked) == {SAM}
    bureau.text = bureau.text.replace("paid: 3", "paid: 4")
    assert names(bureau, judged(bureau).opened) == {SAM}
    on_record(bureau, SUE, "")
    bureau.accounts.disable(f"id-{SUE}")
    assert names(bureau, judged(bureau).opened) == {SAM}


def test_whom_a_rule_locked_nobody_enables_while_its_cause_lasts(bureau: Bureau) -> None:
    staffed(bureau, 3)
    on_record(bureau, SAM, SEATS, reason="too many")
    bureau.accounts.disable(f"id-{SAM}")
    verdict = bureau.office(BO).enable(SAM)
    assert not verdict.allowed
    assert "settings.seats.overflow" in verdict.detail


def test_without_overflow_more_holders_than_seats_are_an_error_of_the_files(bureau: Bureau) -> None:
    staffed(bureau, 3)
    bureau.text = bureau.text.replace(OVERFLOW, "")
    with pytest.raises(MappingInvalid) as refused:
        bureau.compiled()
    assert "4 people hold paid seats in /acme, there are 3" in str(refused.value.problems[0])


def test_seats_for_free_roles_are_bounded_too(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("seats: {paid: 6}", "seats: {paid: 6, free: 1}")
    bureau.hire(SUE, "guest")
    bureau.accounts.put(SAM)
    verdict = bureau.office(BO).add(SAM, UNIT, "guest") if SAM in bureau.office().people.ids else None
    bureau.text = bureau.text.replace("boss: [bo@acme.example]", f"boss: [bo@acme.example], guest: [{SAM}]")
    assert verdict is None
    with pytest.raises(MappingInvalid) as refused:
        bureau.compiled()
    assert "2 people hold free seats" in str(refused.value.problems[0])


# --- rosters ------------------------------------------------------------------------------------------


def test_who_left_an_authoritative_roster_is_missed_first_and_locked_after_the_time(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.hire(SAM)
    roster = RosterPeople(now=frozenset({SAM}), before=STAFF, after=DAY)
    found = judged(bureau, hr=roster)
    assert (names(bureau, found.missed), found.locked) == ({SUE}, {})
    on_record(bureau, SUE, HR, "missed")
    later = replace(roster, before=frozenset({SAM}))  # a confirmed run has kept the new copy
    bureau.now += timedelta(hours=23)
    assert judged(bureau, hr=later).locked == {}
    bureau.now += timedelta(hours=1)
    assert names(bureau, judged(bureau, hr=later).locked) == {SUE}


def test_who_is_in_the_roster_again_is_found_or_opened(bureau: Bureau) -> None:
    bureau.hire(SUE)
    on_record(bureau, SUE, HR, "missed")
    back = RosterPeople(now=STAFF, before=STAFF, after=DAY)
    assert names(bureau, judged(bureau, hr=back).found) == {SUE}
    on_record(bureau, SUE, HR, "disabled")
    assert names(bureau, judged(bureau, hr=back).opened) == {SUE}


def test_a_roster_that_is_frozen_locks_nobody_new(bureau: Bureau) -> None:
    bureau.hire(SUE)
    frozen = RosterPeople(now=frozenset(), before=STAFF, after=Duration(), frozen=True)
    found = judged(bureau, hr=frozen)
    assert (found.locked, found.missed) == ({}, {})
    on_record(bureau, SUE, HR, "disabled")
    assert names(bureau, judged(bureau, hr=frozen).locked) == {SUE}


def test_an_account_of_a_directory_is_spared(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.accounts.put(SUE, federated=True)
    found = judged(bureau, hr=RosterPeople(now=frozenset(), before=STAFF, after=Duration()))
    assert found.locked == {}
    assert found.spared[bureau.office().person(SUE)] == "authority=ldap"


# --- the last membership ------------------------------------------------------------------------------


def left(bureau: Bureau, last: str, more: str = "") -> None:
    """Sue had a role, and holds nothing any more."""
    bureau.hire(SUE)
    assert bureau.office(BO).remove(SUE, UNIT).allowed
    bureau.text = bureau.text.replace("removal: {", f"removal: {{last: {last}, {more}")


@pytest.mark.parametrize("last", ["keep", "disable"])
def test_who_holds_nothing_any_more_is_locked_where_the_model_says_so(bureau: Bureau, last: str) -> None:
    left(bureau, last)
    assert names(bureau, judged(bureau, made=(SUE,)).locked) == ({SUE} if last == "disable" else set())


def test_a_rule_that_would_lock_more_than_the_limit_locks_nobody_and_says_why(bureau: Bureau) -> None:
    left(bureau, "disable")
    found = judged(bureau, made=(SUE,), most=0)
    assert (found.locked, names(bureau, found.spared)) == ({}, {SUE})
    assert next(iter(found.spared.values())).startswith(
        "1 accounts would be locked at once, at most 0 may (policy.removals); "
    )


def test_a_lock_that_is_on_stays_on_beyond_the_limit(bureau: Bureau) -> None:
    left(bureau, "disable")
    on_record(bureau, SUE, LAST)
    assert names(bureau, judged(bureau, made=(SUE,), most=0).locked) == {SUE}


def test_only_accounts_that_syncd_made_and_that_nothing_else_needs_are_locked(bureau: Bureau) -> None:
    left(bureau, "disable")
    assert judged(bureau).locked == {}
    assert judged(bureau, made=(SUE,), busy=(SUE,)).locked == {}


def test_who_holds_something_again_is_opened(bureau: Bureau) -> None:
    left(bureau, "disable")
    on_record(bureau, SUE, LAST)
    bureau.accounts.disable(f"id-{SUE}")
    bureau.text = bureau.text.replace("boss: [bo@acme.example]", f"boss: [bo@acme.example], staff: [{SUE}]")
    assert names(bureau, judged(bureau, made=(SUE,)).opened) == {SUE}


def test_an_account_is_deleted_only_after_the_grace(bureau: Bureau) -> None:
    left(bureau, "delete", "grace: P30D, ")
    (cause,) = judged(bureau, made=(SUE,)).locked.values()
    assert cause.due == bureau.now + timedelta(days=30)
    on_record(bureau, SUE, LAST, due=cause.due)
    bureau.now += timedelta(days=29)
    assert judged(bureau, made=(SUE,)).ended == ()
    bureau.now += timedelta(days=1)
    assert names(bureau, judged(bureau, made=(SUE,)).gone) == {SUE}


# --- the day of a deletion that an act asked for ------------------------------------------------------


def test_a_deletion_comes_true_on_its_day_unless_files_name_the_person_by_then(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("requires_state: disabled,", "grace: P7D,")
    bureau.hire(SUE)
    assert bureau.office(BO).delete(SUE).allowed
    assert judged(bureau).ended == ()
    bureau.now += timedelta(days=7)
    assert names(bureau, judged(bureau).gone) == {SUE}
    bureau.text = bureau.text.replace("boss: [bo@acme.example]", f"boss: [bo@acme.example], staff: [{SUE}]")
    found = judged(bureau)
    assert found.ended == ()
    assert "acme.yaml:" in found.spared[bureau.office().person(SUE)]


# --- who was refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("since", ["nothing", "a role", "another mapping", "protection"])
def test_the_account_of_somebody_refused_ends_unless_it_holds_something_by_then(
    bureau: Bureau, since: str
) -> None:
    bureau.accounts.put(SUE, federated=since == "protection")
    office = bureau.office()
    person = office.known(SUE) or office.new_id("p")
    bureau.store.save_persons([Person(person, pins={"keycloak": f"id-{SUE}"}, addresses=frozenset({SUE}))])
    on_record(bureau, SUE, REFUSED, "ending")
    if since == "a role":
        bureau.hire(SUE, "guest")
    found = judged(bureau, busy=(SUE,) if since == "another mapping" else ())
    assert (names(bureau, found.gone), names(bureau, found.spared)) == (
        ({SUE}, set()) if since == "nothing" else (set(), {SUE})
    )


# --- dated memberships --------------------------------------------------------------------------------


def test_a_membership_that_ends_within_a_week_is_announced_by_one_mail_and_one_event(bureau: Bureau) -> None:
    bureau.hire(SUE, "guest")
    last = (bureau.now + timedelta(days=7)).date()
    bureau.text = bureau.text.replace(
        "boss: [bo@acme.example]", f"boss: [bo@acme.example, {{person: {SAM}, until: {last}}}]"
    )
    bureau.accounts.put(SAM)

    def announced() -> list[tuple[str, str, str]]:
        office = bureau.office()
        return [
            (one.id, one.to, one.values["until"])
            for one in ending(office.compiled, office.people, "acme", bureau.now.date())
        ]

    mail, event = announced()
    assert (mail[1:], event[1:]) == ((SAM, str(last)), ("", str(last)))
    assert announced() == [mail, event]
    bureau.now -= timedelta(days=1)
    assert announced() == []
