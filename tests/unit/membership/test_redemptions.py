"""What the keys of a link do, and how an address that has an account is asked first."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Invitation, Link, Redemption
from syncd.membership_joins import approve, refuse
from syncd.membership_links import create, revoke
from syncd.membership_redemptions import Wish, behind, confirm, is_address, process, redeem
from tests.unit.membership.bureau import BO, SAM, UNIT

if TYPE_CHECKING:
    from syncd.acts import Record
    from syncd.membership import Office
    from tests.unit.membership.bureau import Bureau

NEW, KNOWN = "new@acme.example", "known@acme.example"


def with_link(bureau: Bureau, keys: str) -> None:
    """Let links of the model say more."""
    old = "link: {valid_for: P7D, "
    assert bureau.text.count(old) == 1
    bureau.text = bureau.text.replace(old, f"{old}{keys}, ")


def noted(bureau: Bureau, address: str, **more: str) -> str:
    token = create(bureau.office(BO), UNIT, "guest").secret
    return redeem(bureau.store, token, Wish(address, **more), now=bureau.now, new_id=bureau.new_id)


def public(bureau: Bureau) -> Office:
    return replace(bureau.office(), public_url="https://join.example/")


def states(bureau: Bureau) -> list[str]:
    return [one.state for one in bureau.store.acts.all(Redemption, "acme")]


def test_where_approval_is_asked_for_nobody_is_invited_before_whoever_may_invite_says_so(
    bureau: Bureau,
) -> None:
    with_link(bureau, "approval: true")
    bureau.hire(SAM, "guest")
    assert noted(bureau, NEW) == ""
    process(bureau.office())
    assert states(bureau) == ["awaits"]
    assert not approve(bureau.office(SAM), UNIT, NEW).allowed
    assert approve(bureau.office(BO), UNIT, NEW).allowed
    process(bureau.office())
    assert states(bureau) == ["invited"]
    assert NEW in {one.address for one in bureau.store.acts.all(Invitation, "acme")}


def test_who_is_not_approved_is_not_invited(bureau: Bureau) -> None:
    with_link(bureau, "approval: true")
    noted(bureau, NEW)
    process(bureau.office())
    assert refuse(bureau.office(BO), UNIT, NEW).allowed
    assert process(bureau.office()) == []
    assert states(bureau) == ["refused"]


def test_an_address_that_has_an_account_is_mailed_a_token_and_gets_nothing_without_it(
    bureau: Bureau,
) -> None:
    bureau.accounts.put(KNOWN)
    noted(bureau, KNOWN)
    process(public(bureau))
    (mail,) = bureau.notices("link.confirm")
    assert (mail.to, states(bureau), bureau.store.acts.all(Invitation, "acme")) == (KNOWN, ["asked"], [])
    token = mail.values["url"].removeprefix("https://join.example/join/")
    assert confirm(bureau.store, token[:-1], bureau.now) == "invalid"
    assert process(public(bureau)) == []
    assert confirm(bureau.store, token, bureau.now) == ""
    assert confirm(bureau.store, token, bureau.now) == "used up"
    (verdict,) = process(public(bureau))
    assert verdict.allowed
    assert states(bureau) == ["invited"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("address", [NEW, KNOWN])
def test_whoever_answers_a_note_may_be_killed_after_any_write_and_the_next_run_says_invited(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    acts, token, written = bureau.store.acts, "", []
    if address == KNOWN:
        bureau.accounts.put(KNOWN)
    noted(bureau, address)
    if address == KNOWN:
        process(public(bureau))
        (mail,) = bureau.notices("link.confirm")
        token = mail.values["url"].removeprefix("https://join.example/join/")
        assert confirm(bureau.store, token, bureau.now) == ""

    def killed(*records: Record, **more: object) -> None:
        written.append(change(*records, **more))
        raise Killed

    change = acts.change
    monkeypatch.setattr(acts, "change", killed)
    monkeypatch.setattr(acts, "save", lambda record, by="": killed(record, by=by))
    for _ in range(3):
        with suppress(Killed):
            process(public(bureau))
    assert len(written) == 1
    assert states(bureau) == ["invited"]
    given = [one for one in acts.all(Grant, "acme") if one.role == "guest"]
    assert [one.who for one in given] == [address]


def test_a_second_click_at_the_same_moment_finds_the_link_used(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.accounts.put(KNOWN)
    noted(bureau, KNOWN)
    process(public(bureau))
    (mail,) = bureau.notices("link.confirm")
    token = mail.values["url"].removeprefix("https://join.example/join/")
    seen = behind(bureau.store, token, bureau.now)
    assert confirm(bureau.store, token, bureau.now) == ""
    monkeypatch.setattr("syncd.membership_redemptions.behind", lambda *_: seen)
    assert confirm(bureau.store, token, bureau.now) == "used up"
    assert states(bureau) == ["confirmed"]


def test_an_address_is_asked_to_confirm_once_however_often_it_is_typed(bureau: Bureau) -> None:
    bureau.accounts.put(KNOWN)
    for _ in range(5):
        noted(bureau, KNOWN)
        process(public(bureau))
    assert len(bureau.notices("link.confirm")) == 1
    assert sorted(states(bureau)) == ["asked"] + ["refused"] * 4


def test_without_a_page_to_confirm_on_an_address_that_has_an_account_is_refused(bureau: Bureau) -> None:
    bureau.accounts.put(KNOWN)
    noted(bureau, KNOWN)
    (verdict,) = process(bureau.office())
    assert "public_url" in verdict.detail
    assert states(bureau) == ["refused"]


def test_an_account_that_never_proved_the_address_is_refused(bureau: Bureau) -> None:
    bureau.accounts.put(KNOWN, verified=False)
    noted(bureau, KNOWN)
    (verdict,) = process(public(bureau))
    assert not verdict.allowed
    assert bureau.notices("link.confirm") == []


def test_where_the_model_closes_the_channel_links_made_before_let_nobody_in(bureau: Bureau) -> None:
    noted(bureau, NEW)
    open_ = "    link: {valid_for: P7D, max_uses: 2, domains: [acme.example]}\n"
    assert bureau.text.count(open_) == 1
    bureau.text = bureau.text.replace(open_, "")
    (verdict,) = process(bureau.office())
    assert (verdict.allowed, states(bureau)) == (False, ["refused"])
    assert "by link here (invitations.channels, acme.yaml:" in verdict.detail


def test_a_link_that_is_not_revocable_is_switched_off_by_an_operator_only(bureau: Bureau) -> None:
    with_link(bureau, "revocable: false")
    made = create(bureau.office(BO), UNIT, "guest").who
    assert not revoke(bureau.office(BO), made).allowed
    assert revoke(bureau.office(), made).allowed


def test_a_link_leads_to_a_privileged_role_only_where_it_binds_its_issuer(bureau: Bureau) -> None:
    assert not create(bureau.office(BO), UNIT, "boss").allowed
    with_link(bureau, "binds: [role, issuer]")
    assert create(bureau.office(BO), UNIT, "boss").allowed


def test_what_the_page_asks_for_is_needed(bureau: Bureau) -> None:
    with_link(bureau, "ask_invitee: [email, given_name]")
    assert noted(bureau, NEW) == "incomplete"
    assert noted(bureau, NEW, given_name="Nia") == ""
    assert bureau.store.acts.all(Link, "acme")[-1].asks == ("given_name",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@acme.example",
        "a@",
        "a@b",
        "a b@acme.example",
        "a@acme..example",
        "a@-x.example",
        "ä@acme.example",
    ],
)
def test_what_is_no_plain_address_is_none(text: str) -> None:
    assert is_address("first.last+tag@sub.acme.example")
    assert not is_address(text)
