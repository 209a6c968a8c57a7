"""Handing over the role with one holder."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Transfer
from syncd.errors import UsageError
from syncd.membership_transfer import confirm, digest, start
from tests.unit.membership.bureau import BO, FAY, SAM, SUE, UNIT

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau


def code(bureau: Bureau) -> str:
    """The code of the newest mail."""
    return bureau.notices("transfer.confirm")[-1].values["token"]


def owners(bureau: Bureau) -> set[str]:
    return {who for who, role, _ in bureau.held() if role == "owner"}


def test_nothing_moves_before_the_owner_confirms_and_the_store_keeps_only_the_hash(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert start(bureau.office(FAY), UNIT, SUE).allowed
    assert owners(bureau) == {FAY}
    (notice,) = bureau.notices("transfer.confirm")
    (transfer,) = bureau.store.acts.all(Transfer, "acme")
    assert notice.to == FAY
    assert len(code(bureau)) == 43
    assert transfer.token == digest(code(bureau))


def test_whoever_starts_it_is_told_where_the_mail_with_the_code_cannot_leave(bureau: Bureau) -> None:
    bureau.hire(SUE)
    assert "is asked to confirm by mail" in start(bureau.office(FAY), UNIT, SUE).detail
    office = replace(bureau.office(FAY), unsent="syncd.yaml names no mail server (smtp)")
    assert start(office, UNIT, SUE).detail.endswith(
        "has to confirm by a mail that waits: syncd.yaml names no mail server (smtp)"
    )


def test_no_command_line_takes_a_code_for_an_option(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda length: "-" + "x" * (4 * length // 3))
    bureau.hire(SUE)
    start(bureau.office(FAY), UNIT, SUE)
    assert code(bureau).startswith("_x")
    assert confirm(bureau.office(), code(bureau)).allowed


def test_the_heir_becomes_owner_and_the_owner_steps_back_in_one_transaction(bureau: Bureau) -> None:
    bureau.hire(SUE)
    start(bureau.office(FAY), UNIT, SUE)
    assert confirm(bureau.office(), code(bureau)).allowed
    assert owners(bureau) == {SUE}
    assert (FAY, "boss", False) in bureau.held()
    assert (SUE, "staff", False) not in bureau.held()
    assert {one.to for one in bureau.notices("transfer.done")} == {FAY, SUE}


def test_a_code_works_once(bureau: Bureau) -> None:
    bureau.hire(SUE)
    start(bureau.office(FAY), UNIT, SUE)
    confirm(bureau.office(), code(bureau))
    before = bureau.records()
    assert not confirm(bureau.office(), code(bureau)).allowed
    assert bureau.records() == before


def test_a_code_that_is_late_replaced_or_wrong_does_nothing(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.hire(SAM)
    start(bureau.office(FAY), UNIT, SUE)
    first = code(bureau)
    start(bureau.office(FAY), UNIT, SAM)
    assert not confirm(bureau.office(), first).allowed
    bureau.now += timedelta(days=8)
    assert not confirm(bureau.office(), code(bureau)).allowed
    with pytest.raises(UsageError):
        confirm(bureau.office(), "x" * 43)
    assert owners(bureau) == {FAY}


def test_only_the_owner_starts_it_and_only_an_active_heir_gets_it(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.hire(SAM, "guest")
    before = bureau.records()
    assert not start(bureau.office(BO), UNIT, SUE).allowed
    assert not start(bureau.office(FAY), UNIT, SAM).allowed
    assert bureau.records() == before
    bureau.office(BO).disable(SUE)
    assert not start(bureau.office(FAY), UNIT, SUE).allowed


def test_where_the_heir_was_locked_meanwhile_nothing_moves(bureau: Bureau) -> None:
    bureau.hire(SUE)
    start(bureau.office(FAY), UNIT, SUE)
    bureau.office(BO).disable(SUE)
    assert not confirm(bureau.office(), code(bureau)).allowed
    assert owners(bureau) == {FAY}


def test_where_nobody_has_to_confirm_it_is_done_at_once(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("confirm_by: current_owner", "confirm_by: nobody")
    bureau.hire(SUE)
    assert start(bureau.office(FAY), UNIT, SUE).allowed
    assert owners(bureau) == {SUE}
    assert bureau.notices("transfer.confirm") == []
