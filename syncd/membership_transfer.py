"""Handing over a role that has one holder: asked for, confirmed by mail, then done in one transaction.

The mail holds the token, the store, once it has left, only its SHA-256: who reads the store can confirm
nothing. The run that follows adds before it removes, so that the unit is at no moment without a holder.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.acts import Notice, Transfer
from syncd.administration import Act
from syncd.administration_rows import full_name
from syncd.errors import UsageError
from syncd.membership_words import Verdict

if TYPE_CHECKING:
    from syncd.acts import Record
    from syncd.administration import Decision
    from syncd.membership import Office
    from syncd.model import Path

TOKEN_BYTES = 32
NOT_ASKED = {
    "done": "this transfer was confirmed already",
    "cancelled": "this transfer was replaced by a later one",
    "expired": "the time to confirm this transfer is over",
}


def start(office: Office, unit: Path, heir: str) -> Verdict:
    """Ask for a role to be handed over; nothing moves until it is confirmed, where the model asks for that.

    Raises `UsageError` for an heir who is unknown.
    """
    decision, owner = _decided(office, unit, office.person(heir), heir)
    if not decision.allowed:
        return Verdict(heir, False, str(decision), decision.place)
    rule = office.world.document(unit).transfer
    confirm_by = rule.confirm_by if rule else "nobody"
    made = _asked(office, unit, office.person(heir), owner)
    if confirm_by == "nobody":
        office.store.acts.change(
            replace(made, state="done"), *_handed_over(office, decision, made),
            notices=_told(office, made), gone=_gone(office, decision), by=office.by,
        )  # fmt: skip
        return Verdict(heir, True, f"{decision}; done", decision.place)
    token = _code()
    asked = replace(made, token=digest(token))
    to = owner if confirm_by == "current_owner" else asked.heir
    notice = _notice(office, asked, "transfer.confirm", to, token)
    if not notice.to:
        cause = f"no address is known of {office.world.name(to)}, who has to confirm"
        return Verdict(heir, False, cause, decision.place)
    office.store.acts.change(*_replaced(office, asked), asked, notices=[notice], by=office.by)
    said = f"{notice.to} is asked to confirm by mail"
    if office.unsent:
        said = f"{notice.to} has to confirm by a mail that waits: {office.unsent}"
    return Verdict(heir, True, f"{decision}; {said}", decision.place)


def confirm(office: Office, token: str) -> Verdict:
    """Do what was asked for, for whoever has the token; decided once more, in the world as it is now.

    Raises `UsageError` for a token that is of no transfer of this mapping.
    """
    transfer = office.store.acts.find_transfer(digest(token))
    if transfer is None or transfer.mapping != office.mapping:
        raise UsageError("this is no code of a transfer", "copy it whole from the mail")
    heir = office.world.name(transfer.heir)
    if transfer.state != "asked":
        return Verdict(heir, False, NOT_ASKED.get(transfer.state, transfer.state))
    if transfer.expires_at is not None and transfer.expires_at <= office.now():
        office.store.acts.save(replace(transfer, state="expired"), by=office.by)
        return Verdict(heir, False, f"{NOT_ASKED['expired']}; start it again")
    acting = office.acting_as(transfer.owner)
    decision, owner = _decided(acting, office.path_of(transfer.unit), transfer.heir, heir)
    if not decision.allowed or owner != transfer.owner:
        detail = str(decision) if not decision.allowed else "the role has another holder by now"
        return Verdict(heir, False, detail, decision.place)
    office.store.acts.change(
        replace(transfer, state="done"), *_handed_over(acting, decision, transfer),
        notices=_told(office, transfer), gone=_gone(office, decision), by=transfer.owner,
    )  # fmt: skip
    return Verdict(heir, True, f"{decision}; done", decision.place)


def _code() -> str:
    """A code that no command line takes for an option."""
    code = secrets.token_urlsafe(TOKEN_BYTES)
    return f"_{code[1:]}" if code.startswith("-") else code


def digest(token: str) -> str:
    """What the store keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _decided(office: Office, unit: Path, heir: str, who: str) -> tuple[Decision, str]:
    """What policy says, and who has the role now."""
    held = [one.role for one in office.world.of(heir) if one.unit == unit]
    act = Act("transfer", unit, office.subject(heir, next(iter(held), ""), unit, who))
    decision = office.decided(act)
    role = decision.gives[0].role if decision.gives else ""
    owner = next((one.person for one in decision.takes if one.role == role and one.person != heir), "")
    return decision, owner


def _asked(office: Office, unit: Path, heir: str, owner: str) -> Transfer:
    rule = office.world.document(unit).transfer
    now = office.now()
    return Transfer(
        office.new_id("t"),
        office.mapping,
        unit=office.compiled.units[unit].uid,
        role=full_name(rule.role, office.world.roles(unit)) if rule else "",
        owner=owner,
        heir=heir,
        by=office.by,
        asked_at=now,
        expires_at=rule.valid_for.after(now) if rule and rule.valid_for else None,
    )


def _replaced(office: Office, asked: Transfer) -> list[Transfer]:
    """Earlier transfers of the same role that wait to be confirmed: only the last one asked for counts."""
    found = office.store.acts.all(Transfer, office.mapping, state="asked", unit=asked.unit)
    return [replace(one, state="cancelled") for one in found if one.role == asked.role]


def _handed_over(office: Office, decision: Decision, transfer: Transfer) -> list[Record]:
    names = {transfer.heir: office.called(transfer.heir), transfer.owner: office.called(transfer.owner)}
    return [
        grant
        for given in decision.gives
        for grant in office.given(replace(decision, gives=(given,)), names[given.person])
    ]


def _gone(office: Office, decision: Decision) -> list[Record]:
    return [grant for taken in decision.takes for grant in office.grants_behind(taken)]


def _told(office: Office, transfer: Transfer) -> list[Notice]:
    """Both are told that it is done."""
    told = [_notice(office, transfer, "transfer.done", to) for to in (transfer.owner, transfer.heir) if to]
    return [notice for notice in told if notice.to]


def _notice(office: Office, transfer: Transfer, about: str, to: str, token: str = "") -> Notice:
    unit = office.path_of(transfer.unit)
    locale = office.locale_of(to, unit)
    values = {
        "heir": office.world.name(transfer.heir),
        "role": office.role_title(unit, transfer.role, locale),
        "unit": office.unit_title(unit, locale),
        **({"token": token} if token else {}),
    }
    address = office.world.account(to).address
    return Notice(office.new_id("n"), office.mapping, to=address, about=about, locale=locale, values=values)
