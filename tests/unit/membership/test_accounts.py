"""Accounts as such: editing a profile, a deletion that waits for its day, and what applications are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Invitation, InvitationState, Lock, ProfileEdit
from syncd.errors import TargetError
from syncd.membership_words import Asked
from tests.unit.membership.bureau import BO, SUE, UNIT, asked

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau

NAMES = {"given_name": ("Susan",), "family_name": ("Vale",)}
SILENT = "removal: {what: account, requires_state: disabled, data: {shared: {to: actor, or_chosen: staff}}}"


def hired_by_invitation(bureau: Bureau, who: str = SUE) -> None:
    assert bureau.office().invite(UNIT, [asked(who, "staff")])[0].allowed
    bureau.accounts.put(who)
    (one,) = bureau.store.acts.all(Invitation, "acme")
    given = [replace(grant, waits="", since=bureau.now) for grant in bureau.store.acts.all(Grant, "acme")]
    accepted = replace(
        one, state=InvitationState.ACCEPTED, account=f"id-{who}", made_account=True, ended_at=bureau.now
    )
    bureau.store.acts.change(accepted, *given)


def test_an_administrator_writes_names_of_an_account_that_syncd_made(bureau: Bureau) -> None:
    hired_by_invitation(bureau)
    assert bureau.office(BO).edit(SUE, NAMES).allowed
    assert bureau.accounts.profiles == {f"id-{SUE}": NAMES}
    (kept,) = bureau.store.acts.all(ProfileEdit, "acme")
    assert (kept.state, kept.fields, kept.by) == (
        "done",
        ("family_name", "given_name"),
        bureau.office().person(BO),
    )


def test_no_act_writes_the_attributes_by_which_syncd_grants_rights(bureau: Bureau) -> None:
    hired_by_invitation(bureau)
    verdict = bureau.office(BO).edit(SUE, {**NAMES, "attribute:syncd.permissions": ("everything",)})
    assert (verdict.allowed, bureau.accounts.profiles) == (False, {})
    assert verdict.detail.startswith("syncd.permissions: attributes that begin with syncd. are syncd's own")
    new = Asked("new@acme.example", "staff", attributes={"syncd.permissions": ("everything",)})
    records = bureau.records()
    verdicts = bureau.office(BO).invite(UNIT, [new])
    assert ([one.detail for one in verdicts], bureau.records()) == ([verdict.detail], records)


def test_who_may_not_edit_writes_nothing(bureau: Bureau) -> None:
    hired_by_invitation(bureau)
    verdict = bureau.office(SUE).edit(BO, NAMES)
    assert not verdict.allowed
    assert bureau.accounts.profiles == {}
    assert bureau.store.acts.all(ProfileEdit, "acme") == []


def test_a_profile_is_written_only_to_an_account_that_syncd_made(bureau: Bureau) -> None:
    bureau.hire(SUE)
    verdict = bureau.office(BO).edit(SUE, NAMES)
    assert not verdict.allowed
    assert "did not make" in verdict.detail
    assert bureau.accounts.profiles == {}


def test_what_a_file_says_of_somebody_is_edited_there(bureau: Bureau) -> None:
    hired_by_invitation(bureau)
    bureau.text += f"people: {{{SUE}: {{given_name: Sue}}}}\n"
    for actor in (BO, ""):
        verdict = bureau.office(actor).edit(SUE, NAMES)
        assert not verdict.allowed
        assert "acme.yaml:" in verdict.detail
    assert bureau.accounts.profiles == {}


def test_a_deletion_with_grace_locks_and_enabling_before_the_day_gives_all_back(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("requires_state: disabled,", "grace: P7D,")
    bureau.hire(SUE)
    before = bureau.held()
    verdict = bureau.office(BO).delete(SUE)
    assert verdict.allowed
    assert "2026-12-01" in verdict.detail
    assert [verb for verb, _ in bureau.accounts.calls] == ["disable", "end_sessions"]
    (lock,) = bureau.store.acts.all(Lock, "acme")
    assert (lock.state, lock.due) == ("disabled", bureau.now + timedelta(days=7))
    assert bureau.notices("data.heir") == []
    assert bureau.office(BO).enable(SUE).allowed
    assert bureau.held() == before
    (lock,) = bureau.store.acts.all(Lock, "acme")
    assert (lock.state, lock.due) == ("enabled", None)


def test_a_deletion_that_was_cut_off_is_on_record_and_can_be_asked_for_again(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.hire(SUE)
    assert bureau.office(BO).disable(SUE).allowed
    with monkeypatch.context() as patch:
        patch.setattr(bureau.accounts, "delete", _gone)
        with pytest.raises(TargetError):
            bureau.office(BO).delete(SUE)
    assert [lock.state for lock in bureau.store.acts.all(Lock, "acme")] == ["ending"]
    assert bureau.notices("data.heir") == []
    assert bureau.office(BO).delete(SUE).allowed
    assert [lock.state for lock in bureau.store.acts.all(Lock, "acme")] == ["deleted"]
    assert len(bureau.notices("data.heir")) == 1


def _gone(native: str) -> None:
    raise TargetError("keycloak", f"no answer about {native}")


@pytest.mark.parametrize(("said", "told"), [("", "delete"), ("personal: keep, ", "keep")])
def test_applications_are_told_the_fate_of_personal_and_shared_data(
    bureau: Bureau, said: str, told: str
) -> None:
    bureau.text = bureau.text.replace("data: {shared", f"data: {{{said}shared")
    bureau.hire(SUE)
    bureau.office(BO).disable(SUE)
    assert bureau.office(BO).delete(SUE).allowed
    (notice,) = bureau.notices("data.heir")
    assert notice.values == {"person": SUE, "heir": BO, "personal": told, "shared": "actor"}
    (lock,) = bureau.store.acts.all(Lock, "acme")
    assert lock.details["personal"] == told


def test_a_removed_membership_tells_applications_where_the_model_speaks_of_data(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace(SILENT, "removal: {what: membership, data: {shared: {to: team}}}")
    bureau.hire(SUE)
    assert bureau.office(BO).remove(SUE, UNIT).allowed
    (notice,) = bureau.notices("data.heir")
    assert notice.values == {
        "person": SUE, "unit": "/acme", "role": "staff", "heir": "", "personal": "delete", "shared": "team",
    }  # fmt: skip
