"""Links that strangers redeem."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Grant, Invitation, InvitationState, Link, Redemption
from syncd.errors import UsageError
from syncd.membership_links import create, revoke
from syncd.membership_redemptions import Wish, process, redeem
from tests.unit.membership.bureau import BO, DESK, SAM, SUE, UNIT, asked

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau


def redeemed(bureau: Bureau, token: str, address: str = "new@acme.example") -> str:
    return redeem(bureau.store, token, Wish(address), now=bureau.now, new_id=bureau.new_id)


def test_a_link_is_shown_once_and_kept_as_its_hash(bureau: Bureau) -> None:
    made = create(bureau.office(BO), UNIT)
    (link,) = bureau.store.acts.all(Link, "acme")
    assert made.allowed
    assert len(made.secret) == 43
    assert made.secret not in str(link)


def test_whoever_redeems_leaves_a_note_and_is_invited_by_the_right_of_the_issuer(bureau: Bureau) -> None:
    token = create(bureau.office(BO), UNIT, "guest").secret
    assert redeemed(bureau, token) == ""
    assert bureau.store.acts.all(Invitation, "acme") == []
    (verdict,) = process(bureau.office())
    assert verdict.allowed
    (invitation,) = bureau.store.acts.all(Invitation, "acme")
    assert (invitation.address, invitation.role) == ("new@acme.example", "guest")
    assert process(bureau.office()) == []


def test_an_issuer_who_lost_the_right_lets_nobody_in(bureau: Bureau) -> None:
    bureau.hire(SUE, "boss")
    token = create(bureau.office(SUE), UNIT, "guest").secret
    redeemed(bureau, token)
    bureau.office(BO).remove(SUE, UNIT)
    (verdict,) = process(bureau.office())
    assert not verdict.allowed
    (note,) = bureau.store.acts.all(Redemption, "acme")
    assert (note.state, bool(note.reason)) == ("refused", True)


def test_a_link_ends_by_use_by_time_and_by_switching_it_off(bureau: Bureau) -> None:
    token = create(bureau.office(BO), UNIT, "guest").secret
    assert redeemed(bureau, token, "out@elsewhere.example") == "excluded"
    assert [redeemed(bureau, token, f"n{each}@acme.example") for each in range(3)] == ["", "", "used up"]
    late = create(bureau.office(BO), UNIT, "guest").secret
    off = create(bureau.office(BO), UNIT, "guest")
    assert revoke(bureau.office(BO), off.who).allowed
    assert redeemed(bureau, off.secret) == "revoked"
    bureau.now += timedelta(days=8)
    assert redeemed(bureau, late) == "expired"
    assert redeemed(bureau, "x" * 43) == "invalid"


def test_only_who_may_invite_makes_or_ends_a_link(bureau: Bureau) -> None:
    bureau.hire(SAM, "guest")
    assert not create(bureau.office(SAM), UNIT).allowed
    made = create(bureau.office(BO), UNIT)
    assert not revoke(bureau.office(SAM), made.who).allowed
    with pytest.raises(UsageError):
        revoke(bureau.office(BO), "k_0")


def test_where_the_unit_is_gone_an_operator_ends_what_led_into_it(bureau: Bureau) -> None:
    bureau.text = bureau.text.replace("may: [add, approve,", "may: [add, invite, approve,")
    link = create(bureau.office(BO), DESK, "clerk")
    assert bureau.office(BO).invite(DESK, [asked(SUE, "clerk")])[0].allowed
    gone = "      front: {}\n"
    assert bureau.text.count(gone) == 1
    bureau.text = bureau.text.replace(gone, "")
    with pytest.raises(UsageError):
        revoke(bureau.office(BO), link.who)
    with pytest.raises(UsageError):
        bureau.office(BO).cancel(SUE)
    assert revoke(bureau.office(), link.who).allowed
    assert bureau.office().cancel(SUE).allowed
    assert [one.revoked for one in bureau.store.acts.all(Link, "acme")] == [True]
    assert [one.state for one in bureau.store.acts.all(Invitation, "acme")] == [InvitationState.CANCELLED]
    assert bureau.store.acts.all(Grant, "acme") == []
