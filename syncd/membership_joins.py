"""Joining: somebody who registered asks to be let into a unit, and its approvers decide.

Asking and deciding twice change nothing the second time. Whoever asks is known by the account itself:
anybody can put somebody else's address into an account, so an address that was never proved asks nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.acts import Join, Lock, Notice, Source
from syncd.administration import Act, Actor
from syncd.administration_bounds import unit_state
from syncd.administration_rows import full_name
from syncd.administration_words import Case
from syncd.errors import Stale, UsageError
from syncd.identity import Person, fold
from syncd.membership_redemptions import answer, awaiting
from syncd.membership_rules import REFUSED
from syncd.membership_words import Verdict, titled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from syncd.identity import Resolution
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import Joining
    from syncd.membership import Office
    from syncd.model import Path
    from syncd.store import Store
    from syncd.targets.directory import AccountState, Directory

KEYCLOAK = "keycloak"


def request(office: Office, unit: Path, address: str) -> Verdict:
    """File the wish of the account with this address to join a unit; its approvers are mailed.

    Raises `UsageError` where there is no such account.
    """
    native = _directory(office).find(address)
    if not native:
        raise UsageError(f"nobody registered with {address}", "register in Keycloak first")
    return request_of(office, unit, native)


def request_of(office: Office, unit: Path, native: str) -> Verdict:
    """The same for the account with this id; raises `UsageError` where it is gone."""
    account = _directory(office).state(native)
    if account is None:
        raise UsageError("nobody has this account any more", "register in Keycloak first")
    address = account.address
    refusal = _no_request(office, unit, account)
    if refusal is not None:
        return refusal
    person = _person(office, account)
    if any(held.unit == unit for held in office.world.of(person.id)):
        return Verdict(address, False, f"{address} has a role in {_path(unit)} already")
    if any(state(office, one) == "requested" for one in _joins(office, unit, person.id)):
        return Verdict(address, True, f"{address} asks to join {_path(unit)} already; nobody is mailed again")
    made = Join(
        office.new_id("j"),
        office.mapping,
        unit=office.compiled.units[unit].uid,
        person=person.id,
        address=fold(account.address),
        by=person.id,
        asked_at=office.now(),
    )
    office.store.save_persons([person])
    office.store.acts.change(made, notices=list(_asked(office, unit, made)), by=person.id)
    return Verdict(address, True, f"{address} asks to join {_path(unit)}")


def approve(office: Office, unit: Path, who: str, role: str = "") -> Verdict:
    """Let somebody in who asked, in a role that the model fixes or whoever approves chooses.

    Who redeemed a link that asks for approval gets the role of the link.
    """
    redeemed = awaiting(office, unit, who)
    if redeemed is not None:
        return answer(office, unit, redeemed, let_in=True)
    found = _latest(office, unit, who)
    if found.state == "approved":
        return Verdict(who, True, f"{who} was let into {_path(unit)} already; nothing changes")
    act = Act("approve", unit, office.subject(found.person, role, unit, found.address, found.address))
    decision = office.decided(act)
    if not decision.allowed:
        return Verdict(who, False, str(decision), decision.place)
    if state(office, found) != "requested":
        return _over(office, found, unit)
    grants = office.given(decision, found.address, source=Source.JOIN)
    given = decision.gives[0].role
    done = replace(found, state="approved", role=given, by=office.by, decided_at=office.now())
    notice = _notice(office, unit, done, "join.approved", found.address, given)
    office.store.acts.change(done, *grants, notices=[notice], by=office.by)
    return Verdict(who, True, str(decision), decision.place)


def refuse(office: Office, unit: Path, who: str) -> Verdict:
    """Do not let somebody in; the account stays, or the run deletes it where the model says so.

    It does not where the account holds something by then, here or in another mapping.
    """
    redeemed = awaiting(office, unit, who)
    if redeemed is not None:
        return answer(office, unit, redeemed, let_in=False)
    found = _latest(office, unit, who)
    if found.state == "refused":
        return Verdict(who, True, f"{who} was refused already; nothing changes")
    act = Act("refuse", unit, office.subject(found.person, "", unit, found.address, found.address))
    decision = office.decided(act)
    if not decision.allowed:
        return Verdict(who, False, str(decision), decision.place)
    if state(office, found) != "requested":
        return _over(office, found, unit)
    done = replace(found, state="refused", by=office.by, decided_at=office.now())
    notice = _notice(office, unit, done, "join.refused", found.address)
    office.store.acts.change(done, *_farewell(office, unit, found), notices=[notice], by=office.by)
    return Verdict(who, True, str(decision), decision.place)


def state(office: Office, join: Join) -> str:
    """How a request stands; one that nobody answered in time has lapsed, unless its unit is gone."""
    try:
        joining = office.world.document(office.path_of(join.unit)).joining
    except UsageError:
        return join.state
    return "lapsed" if _is_late(join, joining, office.now()) else join.state


def lapse(store: Store, mapping: str, compiled: Compiled, people: Resolution, now: datetime) -> list[Join]:
    """The requests that nobody answered in time, which end here, each with a notice to whoever asked."""
    paths = {uid: path for path, unit in compiled.units.items() for uid in (unit.uid, *unit.former)}
    ended = []
    for join in store.acts.all(Join, mapping, state="requested"):
        path = paths.get(join.unit)
        document = compiled.models[path[0]].document if path else compiled.document
        if path is None or not _is_late(join, document.joining, now):
            continue
        account = people.accounts.get((join.person, KEYCLOAK))
        locale = (account.locale if account else "") or document.settings.language or "en"
        title = titled(compiled.units[path].title, locale) or path[-1]
        notice = _lapsed_notice(join, title, locale)
        with suppress(Stale):  # an approver answers at this moment
            store.acts.change(replace(join, state="lapsed", decided_at=now), notices=[notice])
            ended.append(join)
    return ended


def _is_late(join: Join, joining: Joining | None, now: datetime) -> bool:
    if join.state != "requested" or joining is None or joining.lapse is None or join.asked_at is None:
        return False
    return joining.lapse.after(join.asked_at) <= now


def _lapsed_notice(join: Join, title: str, locale: str) -> Notice:
    """What whoever asked is told once, when the time is over: the id follows from the request's."""
    values = {"person": join.address, "unit": title, "role": ""}
    return Notice(
        f"n_{join.id}", join.mapping, to=join.address, about="join.lapsed", locale=locale, values=values
    )


# --- who asks -----------------------------------------------------------------------------------------


def _directory(office: Office) -> Directory:
    if office.connect is None:
        raise UsageError(
            f"{office.mapping} has no Keycloak, so nobody registers", "name the person in the files"
        )
    return office.connect()


def _no_request(office: Office, unit: Path, account: AccountState) -> Verdict | None:
    """Why this account may not ask here."""
    joining = office.world.document(unit).joining
    if joining is None:
        place = office.world.places(("joining",))
        return Verdict(account.address, False, f"nobody joins by asking here (joining, {place})", place)
    if not (account.verified or account.federated or account.provider_links):
        cause = f"the address {account.address} was never confirmed; confirm it in Keycloak first"
        return Verdict(account.address, False, cause)
    if not account.enabled:
        return Verdict(account.address, False, f"the account of {account.address} is disabled")
    subject = office.subject("", "", unit, account.address, account.address)
    closed = unit_state(Case(Act("approve", unit, subject), Actor("", operator=True), office.world))
    return Verdict(account.address, False, str(closed), closed.place) if closed else None


def _person(office: Office, account: AccountState) -> Person:
    """The person of the account: by its pin, else by the address it proved, else new."""
    persons = office.people.persons.values()
    pinned = next((one for one in persons if one.pins.get(KEYCLOAK) == account.native), None)
    known = pinned or office.people.persons.get(office.known(account.address))
    if known is None or known.pins.get(KEYCLOAK, account.native) != account.native:
        known = Person(office.new_id("p"))
    return replace(
        known,
        pins={**known.pins, KEYCLOAK: account.native},
        addresses=known.addresses | {fold(account.address)},
    )


# --- what is on record --------------------------------------------------------------------------------


def _joins(office: Office, unit: Path, person: str) -> list[Join]:
    anchor = office.compiled.units[unit]
    found = office.store.acts.all(Join, office.mapping, person=person)
    return [one for one in found if one.unit in (anchor.uid, *anchor.former)]


def _latest(office: Office, unit: Path, who: str) -> Join:
    anchor, name = office.compiled.units[unit], fold(who)
    found = [one for one in office.store.acts.all(Join, office.mapping) if name in (one.address, one.id)]
    here = [one for one in found if one.unit in (anchor.uid, *anchor.former)]
    if not here:
        raise UsageError(f"{who} does not ask to join {_path(unit)}", "see `syncd joins list`")
    return here[-1]


def _over(office: Office, join: Join, unit: Path) -> Verdict:
    now = state(office, join)
    if now != join.state:
        locale = office.locale_of(join.person, unit)
        notice = _lapsed_notice(join, office.unit_title(unit, locale), locale)
        ended = replace(join, state=now, decided_at=office.now())
        office.store.acts.change(ended, notices=[notice], by=office.by)
    return Verdict(join.address, False, f"the request to join {_path(unit)} is {now}; it must be made anew")


def _farewell(office: Office, unit: Path, join: Join) -> list[Lock]:
    """That the account of somebody who was refused is to end, unless that is on record already."""
    joining = office.world.document(unit).joining
    account = office.people.accounts.get((join.person, KEYCLOAK))
    if joining is None or joining.refused != "delete_account" or office.connect is None or account is None:
        return []
    if account.authority != "local" or office.world.of(join.person):
        return []
    if office.store.acts.all(Lock, office.mapping, person=join.person, state="ending"):
        return []
    reason = f"the request to join {_path(unit)} was refused"
    return [
        Lock(
            office.new_id("l"), office.mapping, person=join.person, by=office.by, since=office.now(),
            state="ending", rule=REFUSED, reason=reason,
        )
    ]  # fmt: skip


# --- who is told --------------------------------------------------------------------------------------


def _asked(office: Office, unit: Path, join: Join) -> Iterator[Notice]:
    """A mail to each active approver of that unit, and to nobody of another."""
    joining, world = office.world.document(unit).joining, office.world
    if joining is None or joining.notify != "email":
        return
    role = full_name(joining.approvers, world.roles(unit))
    approvers = {held.person for held in world.inside(unit) if world.has(held.person, role, held)}
    for person in sorted(approvers):
        address = world.account(person).address
        if address:
            yield _notice(office, unit, join, "join.requested", address, to_person=person)


def _notice(  # noqa: PLR0913, PLR0917 - what a mail says and to whom
    office: Office, unit: Path, join: Join, about: str, to: str, role: str = "", to_person: str = ""
) -> Notice:
    locale = office.locale_of(to_person or join.person, unit)
    values = {
        "person": join.address,
        "unit": office.unit_title(unit, locale),
        "role": office.role_title(unit, role, locale) if role else "",
    }
    return Notice(office.new_id("n"), office.mapping, to=to, about=about, locale=locale, values=values)


def _path(unit: Path) -> str:
    return "/" + "/".join(unit)
