"""Acts on accounts as such: disable, enable, edit, delete; Keycloak at once, directories by the run.

A deletion with `removal.grace` locks the account and keeps everything, so that whoever is enabled before
the day has exactly what they had; `membership_rules` finds that the day has come.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.acts import Grant, Invitation, Lock, Notice, ProfileEdit
from syncd.administration import Act
from syncd.mapping.values import Duration
from syncd.membership_words import Verdict, unwritable
from syncd.model import DECLARED, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.administration import Decision
    from syncd.mapping.schema_rules import Removal
    from syncd.membership import Office
    from syncd.model import Attrs
    from syncd.store import Store
    from syncd.targets.directory import Directory

PROFILE = ("given_name", "family_name", "locale")
ATTRIBUTE = "attribute:"
KEYCLOAK = "keycloak"


def disable(office: Office, who: str, reason: str = "") -> Verdict:
    """End login and sessions; memberships stay, and the run locks the directory entry."""
    person, decision = _decided(office, "disable", who)
    if not decision.allowed:
        return _verdict(who, decision)
    _shut(office, person)
    _keep(office, replace(_lock(office, person), reason=reason, rule=""))
    return _verdict(who, decision)


def enable(office: Office, who: str) -> Verdict:
    """Let somebody in again, with exactly what they had; what a rule locks, only its cause unlocks."""
    person, decision = _decided(office, "enable", who)
    if not decision.allowed:
        return _verdict(who, decision)
    lock = _lock(office, person)
    if lock.rule:
        place = office.world.places(tuple(lock.rule.split(".")))
        cause = f"{who} is locked by `{lock.rule}` ({place}): {lock.reason}"
        return Verdict(who, False, f"{cause}; the lock ends with its cause", place)
    account, directory = _native(office, person), _directory(office)
    if account and directory is not None:
        directory.enable(account)
    _keep(office, replace(lock, state="enabled", due=None))
    return _verdict(who, decision)


def delete(office: Office, who: str, heir: str = "") -> Verdict:
    """Delete the account where the model allows it, after `grace`; the fate of its data goes on record."""
    person, decision = _decided(office, "delete", who, office.person(heir) if heir else "")
    if not decision.allowed:
        return _verdict(who, decision)
    removal = office.world.document(_unit_of(office, person)).removal
    told = fate(removal, office.world.name(decision.heir) if decision.heir else "")
    if removal.grace != Duration():
        _shut(office, person)
        due = removal.grace.after(office.now())
        _keep(office, replace(_lock(office, person), due=due, heir=decision.heir, details=told))
        until = f"{due:%Y-%m-%d %H:%M} UTC"
        said = f"{decision}; locked now and deleted on {until}, `accounts enable` before that gives all back"
        return Verdict(who, True, said, decision.place)
    begun = _lock(office, person, "disabled", "ending")
    ending = replace(begun, state="ending", due=None, heir=decision.heir, details=told, by=office.by)
    (kept,) = office.store.acts.change(ending, by=office.by)  # should this process end, a run goes on
    account, directory = _native(office, person), _directory(office)
    if account and directory is not None:
        directory.delete(account)
    ending = replace(ending, version=kept.version)
    finish_deletion(office.store, ending, office.world.name(person), removal, office.new_id)
    return _verdict(who, decision)


def finish_deletion(
    store: Store, lock: Lock, name: str, removal: Removal, new_id: Callable[[str], str]
) -> None:
    """The record of a deleted account: nothing is given any more, and applications hear of the data."""
    told = {"person": name, **(lock.details or fate(removal, ""))}
    notice = Notice(new_id("n"), lock.mapping, about="data.heir", values=told)
    gone = store.acts.all(Grant, lock.mapping, person=lock.person)
    deleted = replace(lock, state="deleted", due=None)
    store.acts.change(deleted, notices=[notice], gone=gone, by=lock.by)


def fate(removal: Removal, heir: str) -> dict[str, str]:
    """What applications are told to do with the data of somebody removed; empty where the model is silent."""
    if removal.data is None:
        return {"heir": heir}
    shared = removal.data.shared
    return {"heir": heir, "personal": removal.data.personal, "shared": shared.to if shared else ""}


def edit(office: Office, who: str, profile: Attrs) -> Verdict:
    """Write names, language and attributes of an account that syncd made; the run tells the directory.

    Keys are `given_name`, `family_name`, `locale` and `attribute:NAME`; no value takes an attribute away.
    What files or rosters say of the person is theirs, and refused with the place.
    """
    person, decision = _decided(office, "edit", who)
    if not decision.allowed:
        return _verdict(who, decision)
    if own := unwritable(name.removeprefix(ATTRIBUTE) for name in profile):
        return Verdict(who, False, own, decision.place)
    account, directory = _native(office, person), _directory(office)
    if not account or directory is None:
        return Verdict(who, False, f"{who} has no account in Keycloak that could be edited", decision.place)
    if not made(office, person):
        cause = f"syncd did not make the account of {who}, and writes profiles only to those it made"
        return Verdict(who, False, f"{cause}; edit it in Keycloak", decision.place)
    refused = _said_elsewhere(office, person, profile)
    if refused is not None:
        return refused
    fields = tuple(sorted(profile))
    asked = ProfileEdit(office.new_id("e"), office.mapping, person=person, by=office.by, fields=fields)
    (asked,) = office.store.acts.change(asked, by=office.by)  # type: ignore[assignment]  # the one that was given
    directory.set_profile(account, profile)
    office.store.acts.save(replace(asked, state="done", since=office.now()), by=office.by)
    return _verdict(who, decision)


def made(office: Office, person: str) -> bool:
    """Whether syncd made the account: a run by what files say, or an invitation."""
    key = (Kind.PERSON, (person,))
    rows = office.store.owned(office.mapping, KEYCLOAK)
    if any((row.key.kind, row.key.item) == key and not row.adopted for row in rows):
        return True
    native = _native(office, person)
    asked = office.store.acts.all(Invitation, office.mapping, person=person)
    return any(one.made_account and one.account == native for one in asked)


def _said_elsewhere(office: Office, person: str, profile: Attrs) -> Verdict | None:
    for ref, entry in office.compiled.people.items():
        if office.people.ids.get(ref) != person or entry.source not in DECLARED or entry.place is None:
            continue
        said = {f"{ATTRIBUTE}{name}" for name in entry.attributes}
        said |= {name for name in PROFILE if getattr(entry, name)}
        both = sorted(said & profile.keys())
        if both:
            names = " and ".join(name.removeprefix(ATTRIBUTE) for name in both)
            detail = f"{names} of {office.world.name(person)} stands at {entry.place}; change it there"
            return Verdict(office.world.name(person), False, detail, entry.place)
    return None


# --- what all of them need ----------------------------------------------------------------------------


def _decided(office: Office, verb: str, who: str, heir: str = "") -> tuple[str, Decision]:
    person = office.person(who)
    held = office.world.of(person)
    unit, role = _unit_of(office, person), held[0].role if held else ""
    return person, office.decided(Act(verb, unit, office.subject(person, role, unit, who), heir=heir))


def _unit_of(office: Office, person: str) -> tuple[str, ...]:
    held = office.world.of(person)
    return held[0].unit if held else next(iter(office.compiled.units))


def _verdict(who: str, decision: Decision) -> Verdict:
    return Verdict(who, decision.allowed, str(decision), decision.place)


def _native(office: Office, person: str) -> str:
    account = office.people.accounts.get((person, KEYCLOAK))
    return account.native if account else ""


def _directory(office: Office) -> Directory | None:
    return office.connect() if office.connect is not None else None


def _shut(office: Office, person: str) -> None:
    """At once: a lock that waits for a run is no lock."""
    account, directory = _native(office, person), _directory(office)
    if account and directory is not None:
        directory.disable(account)
        directory.end_sessions(account)


def _lock(office: Office, person: str, *states: str) -> Lock:
    """The lock that is on the account, or a new one; `states` are more than `disabled`."""
    found = office.store.acts.all(Lock, office.mapping, person=person)
    locks = [one for one in found if one.state in (states or ("disabled",))]
    return locks[-1] if locks else Lock(office.new_id("l"), office.mapping, person=person, since=office.now())


def _keep(office: Office, lock: Lock) -> None:
    office.store.acts.change(replace(lock, by=office.by), by=office.by)
