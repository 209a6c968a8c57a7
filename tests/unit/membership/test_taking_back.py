"""An act after which the mapping does not hold is taken back, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.acts import Grant, Invitation, Join, Transfer
from syncd.app.office import Before
from syncd.membership_joins import approve, request
from syncd.membership_transfer import confirm, start
from tests.unit.membership.bureau import BO, DESK, FAY, SAM, SUE, UNIT, asked

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau


def test_what_an_act_wrote_changed_and_took_is_as_before(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.office(BO).add(SUE, DESK, "clerk")
    bureau.office(BO).invite(UNIT, [asked(SAM)])
    before, held = Before.of(bureau.store, "acme"), bureau.held()
    bureau.office(BO).invite(UNIT, [asked("new@acme.example")])
    bureau.office(BO).remove(SUE, UNIT)
    bureau.office(BO).change(SAM, UNIT, "guest")
    assert bureau.held() != held
    before.restore(bureau.store, "test", Before.of(bureau.store, "acme"))
    assert bureau.held() == held
    (invitation,) = [one for one in bureau.store.acts.all(Invitation, "acme") if one.address == SAM]
    assert invitation.role == "staff"
    assert len(bureau.store.acts.all(Grant, "acme")) == 3


def test_where_nothing_changed_nothing_is_written(bureau: Bureau) -> None:
    bureau.hire(SUE)
    before = Before.of(bureau.store, "acme")
    records = bureau.records()
    before.restore(bureau.store, "test", before)
    assert bureau.records() == records


def test_what_somebody_else_did_since_stays(bureau: Bureau) -> None:
    bureau.hire(SUE)
    before = Before.of(bureau.store, "acme")
    bureau.office(BO).add(SUE, DESK, "clerk")
    after = Before.of(bureau.store, "acme")
    bureau.hire(SAM, "guest")
    others = bureau.held() - {(SUE, "clerk", False)}
    before.restore(bureau.store, "test", after)
    assert bureau.held() == others


def test_a_request_to_join_can_be_decided_anew_where_letting_in_was_taken_back(bureau: Bureau) -> None:
    bureau.accounts.put(SUE)
    assert request(bureau.office(), DESK, SUE).allowed
    before = Before.of(bureau.store, "acme")
    assert approve(bureau.office(BO), DESK, SUE, "clerk").allowed
    before.restore(bureau.store, "test", Before.of(bureau.store, "acme"))
    assert [one.state for one in bureau.store.acts.all(Join, "acme")] == ["requested"]
    assert bureau.notices("join.approved") == []


def test_a_transfer_that_was_taken_back_is_confirmed_by_the_same_code(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert start(bureau.office(FAY), UNIT, SUE).allowed
    (mail,) = bureau.notices("transfer.confirm")
    before = Before.of(bureau.store, "acme")
    assert confirm(bureau.office(FAY), mail.values["token"]).allowed
    before.restore(bureau.store, "test", Before.of(bureau.store, "acme"))
    assert [one.state for one in bureau.store.acts.all(Transfer, "acme")] == ["asked"]
    assert confirm(bureau.office(FAY), mail.values["token"]).allowed
