"""What each act writes, and that a refused one writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Invitation, InvitationState, Lock
from syncd.errors import UsageError
from tests.unit.membership.bureau import BO, DESK, FAY, SAM, SUE, UNIT, asked

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau


def test_an_invitation_waits_with_what_it_gives_until_it_is_accepted(bureau: Bureau) -> None:
    (verdict,) = bureau.office(BO).invite(UNIT, [asked(SUE)], [(DESK, "clerk")])
    assert verdict.allowed
    (invitation,) = bureau.store.acts.all(Invitation, "acme")
    assert (invitation.address, invitation.role, invitation.unit) == (SUE, "staff", "/acme")
    assert {(SUE, "staff", True), (SUE, "clerk", True)} <= bureau.held()


def test_who_may_not_invite_leaves_nothing_behind(bureau: Bureau) -> None:
    bureau.hire(SUE, "guest")
    before = bureau.records()
    (verdict,) = bureau.office(SUE).invite(UNIT, [asked(SAM)])
    assert not verdict.allowed
    assert "acme.yaml:" in verdict.detail
    assert bureau.records() == before


def test_what_is_given_beside_must_be_allowed_too(bureau: Bureau) -> None:
    (verdict,) = bureau.office(BO).invite(UNIT, [asked(SUE)], [(("rival",), "staff")])
    assert not verdict.allowed
    assert bureau.store.acts.all(Invitation, "acme") == []


def test_a_misspelt_unit_is_answered_with_the_one_that_was_meant(bureau: Bureau) -> None:
    with pytest.raises(UsageError) as misspelt:
        bureau.office(BO).unit("/acmee")
    assert misspelt.value.remedy == 'did you mean "/acme"?'


def test_who_cancels_what_was_accepted_is_told_so_even_when_the_role_is_gone(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert bureau.office(BO).remove(SUE, UNIT).allowed
    verdict = bureau.office().cancel(SUE)
    assert not verdict.allowed
    assert "was accepted on" in verdict.detail


def test_a_second_invitation_joins_the_one_that_is_open(bureau: Bureau) -> None:
    bureau.office(BO).invite(UNIT, [asked(SUE)])
    bureau.office(BO).add(SUE, DESK, "clerk")
    assert len(bureau.store.acts.all(Invitation, "acme")) == 1
    (again,) = bureau.office(BO).invite(UNIT, [asked(SUE)])
    assert not again.allowed


def test_when_the_paid_seats_are_taken_the_cheaper_role_is_given(bureau: Bureau) -> None:
    people = [f"n{number}@acme.example" for number in range(6)]
    verdicts = bureau.office(BO).invite(UNIT, [asked(address) for address in people])
    assert all(verdict.allowed for verdict in verdicts)
    roles = [grant.role for grant in bureau.store.acts.all(Grant, "acme")]
    assert sorted(roles) == ["guest", "guest", "staff", "staff", "staff", "staff"]


def test_without_a_cheaper_role_a_full_house_lets_nobody_in(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("  over_quota: {downgrade_to: guest}\n", "").replace(
        "paid: 6", "paid: 2"
    )
    (verdict,) = bureau.office(BO).invite(UNIT, [asked(SUE)])
    assert not verdict.allowed
    assert "paid seats" in verdict.detail
    assert bureau.records() == []


def test_a_pending_role_that_changes_goes_on_waiting(bureau: Bureau) -> None:
    bureau.office(BO).invite(UNIT, [asked(SUE)])
    assert bureau.office(BO).change(SUE, UNIT, "guest").allowed
    assert (SUE, "guest", True) in bureau.held()
    (invitation,) = bureau.store.acts.all(Invitation, "acme")
    assert invitation.role == "guest"


def test_an_invitation_that_is_cancelled_takes_what_waited_for_it(bureau: Bureau) -> None:
    bureau.office(BO).invite(UNIT, [asked(SUE)])
    assert bureau.office(BO).cancel(SUE, "wrong address").allowed
    (invitation,) = bureau.store.acts.all(Invitation, "acme")
    assert invitation.state is InvitationState.CANCELLED
    assert bureau.store.acts.all(Grant, "acme") == []
    assert not bureau.office(BO).resend(SUE).allowed


def test_a_role_is_added_changed_and_removed(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert bureau.office(BO).add(SUE, DESK, "clerk").allowed
    assert bureau.office(BO).change(SUE, UNIT, "guest").allowed
    assert {(SUE, "guest", False), (SUE, "clerk", False)} <= bureau.held()
    assert bureau.office(BO).remove(SUE, UNIT).allowed
    assert (SUE, "guest", False) not in bureau.held()


def test_what_a_file_declares_no_act_takes(bureau: Bureau) -> None:
    before = bureau.records()
    verdict = bureau.office().remove(BO, UNIT)
    assert not verdict.allowed
    assert "acme.yaml:" in verdict.detail
    assert bureau.records() == before


def test_a_lock_ends_sessions_and_deleting_needs_one_and_names_the_heir(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert not bureau.office(BO).delete(SUE).allowed
    assert bureau.accounts.calls == []
    assert bureau.office(BO).disable(SUE).allowed
    assert [verb for verb, _ in bureau.accounts.calls] == ["disable", "end_sessions"]
    assert bureau.office(BO).delete(SUE).allowed
    assert bureau.accounts.calls[-1] == ("delete", f"id-{SUE}")
    assert bureau.store.acts.all(Grant, "acme") == []
    (lock,) = bureau.store.acts.all(Lock, "acme")
    assert (lock.state, lock.heir) == ("deleted", bureau.office().person(BO))
    (notice,) = bureau.notices("data.heir")
    assert (notice.to, notice.values["heir"]) == ("", BO)


def test_an_account_of_the_directory_is_disabled_and_deleted_there_only(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.accounts.put(SUE, federated=True)
    for verdict in (bureau.office(BO).disable(SUE), bureau.office().disable(SUE)):
        assert not verdict.allowed
        assert "authority=ldap" in verdict.detail
    assert bureau.accounts.calls == []


def test_a_deletion_with_an_unfit_heir_deletes_nothing(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.hire(SAM, "guest")
    bureau.office(BO).disable(SUE)
    before = list(bureau.accounts.calls)
    assert not bureau.office(BO).delete(SUE, SAM).allowed
    assert bureau.accounts.calls == before


def test_only_an_operator_erases_and_only_who_holds_nothing(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert not bureau.office(BO).erase(SUE).allowed
    assert not bureau.office().erase(SUE).allowed
    bureau.office(BO).remove(SUE, UNIT)
    assert bureau.office().erase(SUE).allowed
    with pytest.raises(UsageError):
        bureau.office().person(SUE)


def test_unknown_units_and_people_are_errors_of_the_command(bureau: Bureau) -> None:
    with pytest.raises(UsageError):
        bureau.office().unit("/nowhere")
    with pytest.raises(UsageError):
        bureau.office().person("nobody@acme.example")
    with pytest.raises(UsageError):
        bureau.office("nobody@acme.example")
    assert bureau.office().person(FAY)
