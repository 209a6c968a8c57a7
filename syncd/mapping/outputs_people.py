"""PURE: whether a named person can be a member now, or waits and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.mapping.compiled import PersonEntry
from syncd.model import Key, Kind, Origin

if TYPE_CHECKING:
    from syncd.mapping.compiled import Assignment
    from syncd.mapping.outputs_drawing import Drawing, PeopleView
    from syncd.model import Path

KEYCLOAK = "keycloak"
INVITED = "invited, waits for acceptance"


@dataclass(frozen=True, slots=True)
class Standing:
    """A named person: the id in the store or the text, and the reason to wait, if any."""

    person: str
    reason: str = ""
    creates: bool = False  # there is no account and syncd is to make one


def entry_of(drawing: Drawing, who: str) -> PersonEntry:
    """What files and rosters say of the person."""
    return drawing.compiled.people.get(who) or PersonEntry(who)


def standing(drawing: Drawing, people: PeopleView, each: Assignment) -> Standing:
    """How the person of an assignment stands in Keycloak."""
    person = people.id_of(each.who)
    if reason := held(drawing, people, each):
        return Standing(person or each.who, reason)
    if person is not None and (people.account(person, KEYCLOAK) or drawing.compiled.keycloak is None):
        return Standing(person)
    if each.unknown == "create" and person is not None:
        return _created(drawing, person, each)
    return Standing(person or each.who, _unknown_reason(each))


def held(drawing: Drawing, people: PeopleView, each: Assignment) -> str:
    """Why the membership waits whatever accounts there are: doubt, an invitation, a domain not allowed."""
    grants_at = drawing.compiled.document.invitations.grant_at
    invited = INVITED if each.waits and grants_at == "acceptance" else ""
    return people.held(each.who) or invited or domain_refusal(drawing, each)


def username_of(entry: PersonEntry) -> str:
    """The username of an account that is made for the person: as written, else the address."""
    return entry.username or entry.email


def _created(drawing: Drawing, person: str, each: Assignment) -> Standing:
    """An account to be made, unless somebody else's would have the same username."""
    username = username_of(entry_of(drawing, each.who))
    if drawing.named_before(f"username {username.lower()}", person):
        return Standing(
            person, f'two accounts would have the username "{username}": give one of them another'
        )
    return Standing(person, creates=True)


def domain_refusal(drawing: Drawing, each: Assignment) -> str:
    """Why an address is held: `invitations.domains` lists those that are allowed."""
    allowed = {domain.lower().lstrip("@") for domain in drawing.compiled.document.invitations.domains}
    address = entry_of(drawing, each.who).email
    domain = address.rpartition("@")[2].lower()
    if not allowed or not address or domain in allowed:
        return ""
    return f"{domain} is not among the domains of invitations ({', '.join(sorted(allowed))})"


def wait(drawing: Drawing, kind: Kind, place: Path, found: Standing, origin: Origin) -> None:
    """List a membership that waits, with its reason; one that is granted elsewhere is not listed."""
    key = Key(kind, place, (found.person,))
    if key not in drawing.state:
        drawing.waiting.setdefault(key, found.reason)
        drawing.origins.setdefault(key, origin)


def _unknown_reason(each: Assignment) -> str:
    name = each.text
    if each.unknown == "invite":
        return f"Keycloak does not know {name}: an invitation has to be accepted first"
    if each.unknown == "create":
        return f"Keycloak does not know {name}, and the account is not made yet"
    return f"Keycloak does not know {name}{'' if each.by_act else ' (unknown: wait)'}"
