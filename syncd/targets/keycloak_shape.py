"""Keycloak's representations as facts and back: pure, so that what is compared is what is written.

Keycloak keeps no order among the values of a group attribute and stores usernames and addresses in
lower case; text compares in Unicode form NFC, as the mapping's own names do. An empty value says
nothing and is left out on both sides.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from syncd.model import Account, Key, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.model import Attrs, Change, Path, State

OWNER = "syncd.owner"
ATTRIBUTE = "attribute:"
PROFILE = {
    "username": "username",
    "email": "email",
    "given_name": "firstName",
    "family_name": "lastName",
}
_LOWER = frozenset({"username", "email"})


def folded(text: str) -> str:
    """Text in the Unicode form in which names are compared."""
    return unicodedata.normalize("NFC", text)


def shape(desired: State) -> State:
    """The desired state as Keycloak would store it; shaping twice changes nothing."""
    return {_key(key): _attrs(key.kind, attrs) for key, attrs in desired.items()}


def _key(key: Key) -> Key:
    return Key(key.kind, _path(key.place), key.item if key.kind is Kind.PERSON else _path(key.item))


def _path(path: Path) -> Path:
    return tuple(folded(segment) for segment in path)


def _attrs(kind: Kind, attrs: Attrs) -> Attrs:
    shaped = {name: _values(kind, name, values) for name, values in attrs.items()}
    return {name: values for name, values in shaped.items() if values}


def _values(kind: Kind, name: str, values: Iterable[str]) -> tuple[str, ...]:
    lower = kind is Kind.PERSON and name in _LOWER
    return tuple(sorted({folded(value.lower() if lower else value) for value in values if value}))


def group_attrs(group: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """A group's description and attributes, without the ownership marker."""
    attrs = _attributes(group, hidden=OWNER)
    if group.get("description"):
        attrs["description"] = (folded(group["description"]),)
    return attrs


def role_attrs(role: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """A role's description, which is all that a mapping says of one."""
    return {"description": (folded(role["description"]),)} if role.get("description") else {}


def person_attrs(user: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """An account's profile; locale and attributes are there in a full representation only."""
    attrs = _attributes(user, hidden="locale")
    attrs.update({name: (folded(user[field]),) for name, field in PROFILE.items() if user.get(field)})
    locale = (user.get("attributes") or {}).get("locale") or [""]
    if locale[0]:
        attrs["locale"] = (locale[0],)
    attrs["enabled"] = ("true" if user.get("enabled") else "false",)
    return attrs


def _attributes(representation: Mapping[str, Any], hidden: str) -> dict[str, tuple[str, ...]]:
    stored = representation.get("attributes") or {}
    kept = {name: _values(Kind.GROUP, name, values) for name, values in stored.items() if name != hidden}
    return {ATTRIBUTE + name: values for name, values in kept.items() if values}


def account(target: str, user: Mapping[str, Any]) -> Account:
    """Who an account is; `ldap` where a user federation provider holds it."""
    locale = (user.get("attributes") or {}).get("locale") or [""]
    return Account(
        target=target,
        native=user["id"],
        username=user["username"],
        email=user.get("email") or "",
        email_verified=bool(user.get("emailVerified")),
        enabled=bool(user.get("enabled")),
        authority="ldap" if user.get("federationLink") else "local",
        given_name=user.get("firstName") or "",
        family_name=user.get("lastName") or "",
        locale=locale[0],
    )


def differing(change: Change) -> Attrs:
    """The attributes that a change is to write: those wanted that are not so."""
    return {name: values for name, values in change.attrs.items() if change.before.get(name) != values}


def written(group: Mapping[str, Any], changed: Attrs, clear: Iterable[str]) -> dict[str, Any]:
    """The whole body of a group's PUT: what it has, with what changed; what others wrote stays.

    Keycloak erases a description that is not sent, and replaces all attributes where any is.
    """
    attributes = dict(group.get("attributes") or {})
    body = {"name": group["name"], "description": group.get("description") or "", "attributes": attributes}
    for name, values in {**dict.fromkeys(clear, ()), **changed}.items():
        if name == "description":
            body["description"] = "".join(values[:1])
        elif values:
            attributes[name.removeprefix(ATTRIBUTE)] = list(values)
        else:
            attributes.pop(name.removeprefix(ATTRIBUTE), None)
    return body


def written_organization(
    organization: Mapping[str, Any], changed: Attrs, clear: Iterable[str]
) -> dict[str, Any]:
    """The whole body of an organization's PUT: alias, domains and what others wrote go along unchanged."""
    own_name = "".join(changed.get("name", ())) or organization["name"]
    rest = {name: values for name, values in changed.items() if name != "name"}
    return {**organization, **written({**organization, "name": own_name}, rest, clear)}


def written_person(user: Mapping[str, Any], changed: Attrs, clear: Iterable[str]) -> dict[str, Any]:
    """The whole body of an account's PUT or POST.

    `attributes` in a body erases address and names that are not beside it, so all of them go together.
    `enabled` goes only where it changes: sending true lifts a temporary lock. A changed address is
    unverified until its owner says otherwise; Keycloak would leave it verified.
    """
    attributes = dict(user.get("attributes") or {})
    body: dict[str, Any] = {field: user[field] for field in PROFILE.values() if user.get(field)}
    for name, values in {**dict.fromkeys(clear, ()), **changed}.items():
        value = "".join(values[:1])
        if name == "enabled":
            body["enabled"] = value == "true"
        elif name in PROFILE:
            body[PROFILE[name]] = value
        elif values:
            attributes[name.removeprefix(ATTRIBUTE)] = list(values)
        else:
            attributes.pop(name.removeprefix(ATTRIBUTE), None)
    if body.get("email") != user.get("email"):
        body["emailVerified"] = False
    return body | {"attributes": attributes}
