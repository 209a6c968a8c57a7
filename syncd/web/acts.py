"""The acts that the API offers, each the same function as behind the command line.

Before one is called, what it names is looked up as the caller sees it: `view` answers for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd import membership_joins, membership_links, membership_transfer
from syncd.administration import Act
from syncd.errors import UsageError
from syncd.membership_words import Asked, Verdict
from syncd.web import view
from syncd.web.problems import Problem, unseen

if TYPE_CHECKING:
    from syncd.membership import Office
    from syncd.model import Path
    from syncd.web import bodies

NOBODY = "nobody is known by this name"


def add(office: Office, body: bodies.Addition) -> list[Verdict]:
    """Give people a role."""
    unit = view.unit(office, body.unit)
    return [_added(office, unit, who, body) for who in body.people]


def _added(office: Office, unit: Path, who: str, body: bodies.Addition) -> Verdict:
    """Who may not add anybody does not learn by it who exists."""
    try:
        return office.add(who, unit, body.role, body.until, body.reason)
    except UsageError:
        subject = office.subject("", body.role, unit, who)
        decision = office.decided(Act("add", unit, subject, until=body.until))
        return Verdict(who, False, NOBODY if decision.allowed else str(decision), decision.place)


def change(office: Office, body: bodies.RoleChange) -> list[Verdict]:
    """Give another role."""
    unit, person = view.unit(office, body.unit), view.person(office, body.person)
    return [office.change(body.person, unit, body.to, body.held or _one_role(office, person, unit))]


def remove(office: Office, body: bodies.Removal) -> list[Verdict]:
    """Take a role away."""
    unit = view.unit(office, body.unit)
    found = [(who, view.person(office, who)) for who in body.people]
    return [office.remove(who, unit, body.role or _one_role(office, person, unit)) for who, person in found]


def _one_role(office: Office, person: str, unit: Path) -> str:
    """The role held, where that is clear; raises the answer that asks which one is meant."""
    held = sorted({one.role for one in office.world.of(person) if one.unit == unit})
    if len(held) > 1:
        raise Problem(422, f"several roles are held there, say which: {', '.join(held)}")
    return held[0] if held else ""


def disable(office: Office, body: bodies.Reasoned) -> list[Verdict]:
    """End login and sessions."""
    view.person(office, body.person)
    return [office.disable(body.person, body.reason)]


def enable(office: Office, body: bodies.AccountOnly) -> list[Verdict]:
    """Let somebody in again."""
    view.person(office, body.person)
    return [office.enable(body.person)]


def edit(office: Office, body: bodies.Profile) -> list[Verdict]:
    """Write parts of a profile."""
    view.person(office, body.person)
    said = {"given_name": body.given_name, "family_name": body.family_name, "locale": body.locale}
    profile: dict[str, tuple[str, ...]] = {name: (text,) for name, text in said.items() if text is not None}
    profile |= {f"attribute:{one.name}": tuple(one.values) for one in body.attributes}
    return [office.edit(body.person, profile)]


def delete(office: Office, body: bodies.Deletion) -> list[Verdict]:
    """Delete an account."""
    for text in filter(None, (body.person, body.heir)):
        view.person(office, text)
    return [office.delete(body.person, body.heir)]


def transfer(office: Office, body: bodies.Handover) -> list[Verdict]:
    """Ask for a role to be handed over."""
    unit = view.unit(office, body.unit)
    view.person(office, body.heir)
    return [membership_transfer.start(office, unit, body.heir)]


def confirm(office: Office, body: bodies.Code) -> list[Verdict]:
    """Do what a mail asks to confirm; whoever has the code may."""
    return [membership_transfer.confirm(office, body.code)]


def invite(office: Office, body: bodies.Sending) -> list[Verdict]:
    """Invite people."""
    unit = view.unit(office, body.unit)
    further = [(view.unit(office, one.unit), one.role) for one in body.further]
    asked = [
        Asked(
            one.address,
            one.role,
            one.given_name,
            one.family_name,
            one.locale,
            one.username,
            {attribute.name: tuple(attribute.values) for attribute in one.attributes},
        )
        for one in body.people
    ]
    return office.invite(unit, asked, further)


def resend(office: Office, body: bodies.Invitations) -> list[Verdict]:
    """Send invitations again."""
    return [office.resend(one) for one in [view.invitation(office, text) for text in body.addresses]]


def cancel(office: Office, body: bodies.Invitations) -> list[Verdict]:
    """End invitations."""
    names = [view.invitation(office, text) for text in body.addresses]
    return [office.cancel(one, body.reason) for one in names]


def decline(office: Office, body: bodies.Invitations) -> list[Verdict]:
    """Say no to one's own invitations."""
    names = [view.invitation(office, text) for text in body.addresses]
    return [office.decline(one, body.reason) for one in names]


def ask_to_join(office: Office, body: bodies.Wish, account: str) -> list[Verdict]:
    """File the caller's own wish to join a unit; who has no role anywhere yet may ask, too."""
    unit = office.unit(body.unit)
    if office.world.document(unit).joining is None and not view.sees(office, unit):
        raise unseen()
    return [membership_joins.request_of(office, unit, account)]


def approve(office: Office, body: bodies.Answer) -> list[Verdict]:
    """Let somebody in."""
    unit = view.unit(office, body.unit)
    return [membership_joins.approve(office, unit, body.person, body.role)]


def refuse(office: Office, body: bodies.Answer) -> list[Verdict]:
    """Do not let somebody in."""
    unit = view.unit(office, body.unit)
    return [membership_joins.refuse(office, unit, body.person)]


def create_link(office: Office, body: bodies.LinkWish) -> list[Verdict]:
    """Make a link."""
    unit = view.unit(office, body.unit)
    return [membership_links.create(office, unit, body.role, body.max_uses)]


def revoke_link(office: Office, body: bodies.LinkId) -> list[Verdict]:
    """Switch a link off."""
    return [membership_links.revoke(office, view.link(office, body.link))]
