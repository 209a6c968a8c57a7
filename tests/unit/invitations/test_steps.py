"""Every state in every situation: the step is the one that stands in the table written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.acts import InvitationState
from syncd.invitations import (
    Accept,
    Expire,
    Fail,
    KeepAccount,
    MakeAccount,
    Nothing,
    RemakeAccount,
    Rules,
    Send,
    Settle,
    Step,
    Tell,
    Unword,
    Withdraw,
)
from tests.unit.invitations.build import DAY, S, Situation, table
from tests.unit.invitations.situations import SITUATIONS

TABLE = table("steps.txt")
WORDS: dict[type[Step], Callable[[Any], str]] = {
    Nothing: lambda _: "-",
    MakeAccount: lambda _: "make",
    RemakeAccount: lambda _: "remake",
    KeepAccount: lambda step: "keep+" if step.made else "keep",
    Send: lambda step: f"send {step.kind}",
    Settle: lambda step: f"settle {step.state}",
    Accept: lambda _: "accept",
    Expire: lambda _: "expire",
    Withdraw: lambda step: VERBS[step.state] + ("+" if step.delete else ""),
    Fail: lambda _: "fail",
    Tell: lambda step: f"tell {step.about}",
    Unword: lambda _: "unword",
}
VERBS = {S.CANCELLED: "cancel", S.DECLINED: "decline"}


def in_a_word(step: Step) -> str:
    """A step as the table writes it."""
    return WORDS[type(step)](step)


def test_the_table_has_every_situation_and_every_state() -> None:
    assert set(TABLE) == set(SITUATIONS)
    assert all(set(row) == set(InvitationState) for row in TABLE.values())


@pytest.mark.parametrize("state", list(InvitationState))
@pytest.mark.parametrize("name", list(SITUATIONS))
def test_the_step_is_the_one_in_the_table(name: str, state: InvitationState) -> None:
    assert in_a_word(SITUATIONS[name].step(state)) == TABLE[name][state]


@pytest.mark.parametrize("name", list(SITUATIONS))
def test_an_account_is_deleted_only_where_it_is_the_one_seen(name: str) -> None:
    for state in InvitationState:
        step = SITUATIONS[name].step(state)
        if isinstance(step, Withdraw) and step.delete:
            assert step.delete == SITUATIONS[name].seen.account == "a1"


def test_a_mail_carries_the_time_that_its_link_lives() -> None:
    assert Situation().step(S.REQUESTED) == Send("invitation", 10 * DAY)
    reset = SITUATIONS["by reset: there is no password"].step(S.REQUESTED)
    assert reset == Send("invitation", None)
    assert SITUATIONS["a reminder is due"].step(S.SENT) == Send("reminder", 2 * DAY)


def test_rules_without_a_word_hold_nothing_back() -> None:
    assert Situation(rules=Rules()).step(S.REQUESTED) == Send("invitation", None)
