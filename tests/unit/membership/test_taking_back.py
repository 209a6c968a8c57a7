"""An act after which the mapping does not hold is taken back, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.acts import Grant, Invitation
from syncd.app.office import Before
from tests.unit.membership.bureau import BO, DESK, SAM, SUE, UNIT, asked

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
    before.restore(bureau.store, "test")
    assert bureau.held() == held
    (invitation,) = [one for one in bureau.store.acts.all(Invitation, "acme") if one.address == SAM]
    assert invitation.role == "staff"
    assert len(bureau.store.acts.all(Grant, "acme")) == 3


def test_where_nothing_changed_nothing_is_written(bureau: Bureau) -> None:
    bureau.hire(SUE)
    before = Before.of(bureau.store, "acme")
    records = bureau.records()
    before.restore(bureau.store, "test")
    assert bureau.records() == records
