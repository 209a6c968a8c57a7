"""What the e-mail channel asks of whoever invites, one at a time or many; and who may say no."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Invitation, InvitationState, Redemption
from syncd.app.people_lists import member_lines, members_csv
from syncd.errors import TargetError
from syncd.membership_words import Asked
from tests.unit.membership.bureau import BO, DESK, SAM, SUE, UNIT, asked

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau

CHANNEL = "email: {valid_for: P7D, batch: true}"


def with_channel(bureau: Bureau, channel: str) -> None:
    assert bureau.text.count(CHANNEL) == 1
    bureau.text = bureau.text.replace(CHANNEL, channel)


def refused(bureau: Bureau, *people: Asked, as_: str = BO) -> str:
    """Why each of them is refused, all in the same words but for the address; nothing was written."""
    before = bureau.records()
    verdicts = bureau.office(as_).invite(UNIT, people)
    assert not any(verdict.allowed for verdict in verdicts)
    assert bureau.records() == before
    return verdicts[0].detail


def test_without_a_batch_a_person_invites_one_at_a_time_and_an_operator_as_many_as_there_are(
    bureau: Bureau,
) -> None:
    with_channel(bureau, "email: {valid_for: P7D}")
    assert "invitations.channels.email.batch" in refused(bureau, asked(SUE), asked(SAM))
    assert [one.allowed for one in bureau.office(BO).invite(UNIT, [asked(SUE)])] == [True]
    many = [asked(SAM), asked("new@acme.example")]
    assert [one.allowed for one in bureau.office().invite(UNIT, many)] == [True, True]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("given_name", {"given_name": "Sue"}),
        ("family_name", {"family_name": "Novak"}),
        ("locale", {"locale": "fr"}),
        ("username", {"username": "sue"}),
        ("attributes.phone", {"attributes": {"phone": ("1234",)}}),
    ],
)
def test_a_field_that_is_asked_for_must_be_given_and_is_kept(
    bureau: Bureau, field: str, given: dict[str, object]
) -> None:
    with_channel(bureau, f"email: {{ask: [email, role, {field}]}}")
    why = refused(bureau, asked(SUE))
    assert f"{field} is asked for" in why
    assert "acme.yaml:" in why
    assert bureau.office(BO).invite(UNIT, [replace(asked(SUE), **given)])[0].allowed
    (made,) = bureau.store.acts.all(Invitation, "acme")
    assert {name: getattr(made, name) for name in given} == given


def test_who_has_an_account_or_redeemed_a_link_is_asked_nothing(bureau: Bureau) -> None:
    bureau.hire(SUE)
    bureau.office(BO).remove(SUE, UNIT)
    with_channel(bureau, "email: {ask: [given_name]}")
    assert bureau.office(BO).invite(UNIT, [asked(SUE)])[0].allowed
    assert bureau.office(BO).invite(UNIT, [replace(asked(SAM), answers=Redemption("x_1", "acme"))])[0].allowed


def test_beside_the_unit_only_those_of_a_kind_that_is_asked_for_are_given(bureau: Bureau) -> None:
    with_channel(bureau, "email: {ask: [email]}")
    (verdict,) = bureau.office(BO).invite(UNIT, [asked(SUE)], [(DESK, "clerk")])
    assert (verdict.allowed, "no desk is asked for" in verdict.detail) == (False, True)
    bureau.text = bureau.text.replace("ask: [email]", "ask: [email, desk]")
    assert bureau.office(BO).invite(UNIT, [asked(SUE)], [(DESK, "clerk")])[0].allowed


def test_an_address_outside_the_domains_of_the_channel_is_refused(bureau: Bureau) -> None:
    with_channel(bureau, "email: {domains: [Acme.example]}")
    assert "invitations.channels.email.domains" in refused(bureau, asked("sue@evil-acme.example"))
    assert bureau.office(BO).invite(UNIT, [asked(SUE)])[0].allowed


def test_a_text_that_is_no_address_is_not_invited(bureau: Bureau) -> None:
    with_channel(bureau, "email: {}")
    assert "no address that mail could reach" in refused(bureau, asked("sue"))
    assert bureau.store.acts.all(Invitation, "acme") == []


def test_where_only_links_are_open_nobody_is_invited_by_email(bureau: Bureau) -> None:
    with_channel(bureau, "# no e-mail")
    assert "only by link" in refused(bureau, asked(SUE))
    assert bureau.office(BO).invite(UNIT, [replace(asked(SAM), answers=Redemption("x_1", "acme"))])[0].allowed


@pytest.mark.parametrize(
    ("rule", "given", "kept"),
    [
        ("person", "fr", "fr"),
        ("person", "", "de"),
        ("per_batch", "fr", "fr"),
        ("fixed", "fr", "de"),
        ("it", "fr", "it"),
    ],
)
def test_the_language_of_a_mail_is_the_persons_or_the_mappings(
    bureau: Bureau, rule: str, given: str, kept: str
) -> None:
    bureau.text = bureau.text.replace("  default_role: staff\n", f"  default_role: staff\n  locale: {rule}\n")
    bureau.text += "settings: {language: de}\n"
    assert bureau.office(BO).invite(UNIT, [replace(asked(SUE), locale=given)])[0].allowed
    (made,) = bureau.store.acts.all(Invitation, "acme")
    assert made.locale == kept


def test_the_invited_person_or_an_operator_declines_and_what_waited_is_gone(bureau: Bureau) -> None:
    for who in (SUE, ""):
        bureau.office(BO).invite(UNIT, [asked(SUE)])
        assert not bureau.office(BO).decline(SUE).allowed
        assert bureau.office(who).decline(SUE, "no time").allowed
        last = bureau.store.acts.all(Invitation, "acme")[-1]
        assert (last.state, last.reason) == (InvitationState.DECLINED, "no time")
        assert bureau.store.acts.all(Grant, "acme") == []
        assert not bureau.office(who).decline(SUE).allowed
        assert not bureau.office(BO).resend(SUE).allowed


def test_while_keycloak_cannot_be_read_nobodys_state_is_known(bureau: Bureau) -> None:
    bureau.text += "export: {format: csv, columns: [email, state]}\n"
    bureau.hire(SUE)
    assert {one.state for one in member_lines(bureau.office())} == {"active"}
    bureau.unread = {"keycloak": "no connection"}
    office = bureau.office()
    assert {one.state for one in member_lines(office)} == {"unknown"}
    assert {account.state for account in office.world.accounts.values()} == {"unknown"}
    with pytest.raises(TargetError, match="no connection") as refused_:
        members_csv(office, UNIT)
    assert refused_.value.exit_code == 4
    assert not bureau.office(BO).invite(UNIT, [asked(SAM)])[0].allowed
    bureau.unread = {"ldap": "no connection"}
    assert {one.state for one in member_lines(bureau.office())} == {"active"}
