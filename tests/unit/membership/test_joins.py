"""Asking to join, and being let in or not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Join, Lock
from syncd.app.people_lists import join_lines
from syncd.errors import UsageError
from syncd.membership_joins import approve, lapse, refuse, request
from tests.unit.membership.bureau import BO, DESK, FAY, OLD, SAM, SUE, UNIT

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau

MODEL_OF_FIRMS = "  - {by: boss, may: [approve, refuse], target: [guest, staff]}\n"


@pytest.fixture(autouse=True)
def _bosses_decide(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("change_states", MODEL_OF_FIRMS.strip() + "\nchange_states", 1).replace(
        "\n- {by: boss, may: [approve", "\n  - {by: boss, may: [approve"
    )
    bureau.accounts.put(SUE)


def test_a_request_tells_the_approvers_of_that_unit_once(bureau: Bureau) -> None:
    assert request(bureau.office(), UNIT, SUE).allowed
    assert {one.to for one in bureau.notices("join.requested")} == {BO, FAY}
    before = bureau.records()
    assert request(bureau.office(), UNIT, SUE).allowed
    assert bureau.records() == before


def test_whoever_is_let_in_gets_the_chosen_role_once_and_is_told(bureau: Bureau) -> None:
    request(bureau.office(), UNIT, SUE)
    assert not approve(bureau.office(BO), UNIT, SUE).allowed
    assert approve(bureau.office(BO), UNIT, SUE, "guest").allowed
    assert (SUE, "guest", False) in bureau.held()
    assert [one.to for one in bureau.notices("join.approved")] == [SUE]
    before = bureau.records()
    assert approve(bureau.office(BO), UNIT, SUE, "guest").allowed
    assert bureau.records() == before


def test_whoever_is_refused_holds_nothing_and_keeps_the_account(bureau: Bureau) -> None:
    request(bureau.office(), UNIT, SUE)
    assert refuse(bureau.office(BO), UNIT, SUE).allowed
    assert bureau.store.acts.all(Grant, "acme") == []
    assert f"id-{SUE}" in bureau.accounts.of
    assert [one.to for one in bureau.notices("join.refused")] == [SUE]


def test_where_the_model_deletes_whoever_is_refused_that_is_on_record_with_the_refusal(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.text = bureau.text.replace("joining: {", "joining: {refused: delete_account, ")
    for unit in (UNIT, DESK):
        assert request(bureau.office(), unit, SUE).allowed
    assert refuse(bureau.office(), DESK, SUE).allowed
    written, change = [], bureau.store.acts.change
    monkeypatch.setattr(
        bureau.store.acts, "change", lambda *records, **more: written.append(change(*records, **more))
    )
    assert refuse(bureau.office(BO), UNIT, SUE).allowed
    assert [{type(one).__name__ for one in records} for records in written] == [{"Join"}]
    (lock,) = bureau.store.acts.all(Lock, "acme")
    assert (lock.person, lock.state, lock.rule) == (bureau.office().person(SUE), "ending", "joining.refused")
    assert f"id-{SUE}" in bureau.accounts.of  # the run that follows deletes it


def test_an_account_that_is_not_ours_to_delete_or_that_holds_something_is_kept(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("joining: {", "joining: {refused: delete_account, ")
    bureau.accounts.put(SAM, federated=True)
    bureau.hire(SUE, "guest")
    for address in (SAM, SUE):
        assert request(bureau.office(), DESK, address).allowed
        assert refuse(bureau.office(BO), DESK, address).allowed
    assert bureau.store.acts.all(Lock, "acme") == []


def test_an_address_that_was_never_proved_asks_nothing(bureau: Bureau) -> None:
    bureau.accounts.put(SUE, verified=False)
    assert not request(bureau.office(), UNIT, SUE).allowed
    with pytest.raises(UsageError):
        request(bureau.office(), UNIT, "nobody@acme.example")
    assert bureau.store.acts.all(Join, "acme") == []


def test_a_closed_unit_and_a_lapsed_request_let_nobody_in(bureau: Bureau) -> None:
    assert not request(bureau.office(), OLD, SUE).allowed
    request(bureau.office(), UNIT, SUE)
    bureau.now += timedelta(days=3)
    assert not approve(bureau.office(BO), UNIT, SUE, "guest").allowed
    assert bureau.store.acts.all(Grant, "acme") == []
    assert [one.state for one in bureau.store.acts.all(Join, "acme")] == ["lapsed"]
    assert request(bureau.office(), UNIT, SUE).allowed


def lapsed(bureau: Bureau) -> list[Join]:
    office = bureau.office()
    return lapse(bureau.store, "acme", office.compiled, office.people, bureau.now)


def test_a_request_that_nobody_answers_lapses_by_itself_and_whoever_asked_is_told_once(
    bureau: Bureau,
) -> None:
    request(bureau.office(), UNIT, SUE)
    bureau.now += timedelta(days=2, seconds=-1)
    assert lapsed(bureau) == []
    bureau.now += timedelta(seconds=1)
    assert [one.address for one in lapsed(bureau)] == [SUE]
    assert [(one.to, one.values["unit"]) for one in bureau.notices("join.lapsed")] == [(SUE, "Acme")]
    before = bureau.records()
    assert lapsed(bureau) == []
    assert bureau.records() == before
    refused = approve(bureau.office(BO), UNIT, SUE, "guest")
    assert (refused.allowed, "lapsed" in refused.detail) == (False, True)


def test_a_request_that_an_approver_finds_too_late_is_told_to_have_lapsed_as_well(bureau: Bureau) -> None:
    request(bureau.office(), UNIT, SUE)
    bureau.now += timedelta(days=3)
    assert not approve(bureau.office(BO), UNIT, SUE, "guest").allowed
    assert lapsed(bureau) == []
    assert [one.to for one in bureau.notices("join.lapsed")] == [SUE]


def test_without_a_lapse_a_request_waits_for_ever(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace(", lapse: P2D", "")
    request(bureau.office(), UNIT, SUE)
    bureau.now += timedelta(days=400)
    assert lapsed(bureau) == []


def test_a_request_into_a_unit_that_is_gone_keeps_no_other_from_being_listed(bureau: Bureau) -> None:
    assert request(bureau.office(), DESK, SUE).allowed
    gone = "      front: {}\n"
    assert bureau.text.count(gone) == 1
    bureau.text = bureau.text.replace(gone, "")
    assert [one.state for one in join_lines(bureau.office())] == ["requested"]
