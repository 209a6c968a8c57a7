"""A unit that left the files is not taken for one that nobody wants to be in: it may be back tomorrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.acts import Invitation
from syncd.errors import Unreachable
from syncd.inviting import Inviter, Letter, rules_of
from syncd.mapping.schema_rules import Invitations
from syncd.settings.models import MailRule
from tests.unit.membership.bureau import BO, UNIT, asked

if TYPE_CHECKING:
    from syncd.targets.directory import Directory
    from tests.unit.membership.bureau import Bureau


def unreachable() -> Directory:
    raise Unreachable("sso", "no answer")


def inviter(bureau: Bureau) -> Inviter:
    rules = rules_of(Invitations(), None, MailRule(), bureau.now)
    letter = Letter(lambda uid, _: uid, lambda role, _: role, lambda by: by, ())
    return Inviter("acme", bureau.store, unreachable, rules, letter, lambda: bureau.now, bureau.new_id)


def test_an_invitation_into_a_unit_that_is_gone_is_neither_sent_nor_withdrawn(bureau: Bureau) -> None:
    assert bureau.office(BO).invite(UNIT, [asked("new@acme.example", "staff")])[0].allowed
    before = bureau.store.acts.all(Invitation, "acme")
    assert inviter(bureau).advance(frozenset(), frozenset({"/elsewhere"})) == []
    assert bureau.store.acts.all(Invitation, "acme") == before
    (tried,) = inviter(bureau).advance(frozenset(), frozenset({before[0].unit}))
    assert (tried.address, tried.what) == ("new@acme.example", "looked at")
