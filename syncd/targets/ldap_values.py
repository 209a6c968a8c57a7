"""Entries as facts and back: pure, so that what is compared is what is written.

LDAP attributes are sets: values are sorted, in Unicode form NFC, without empty ones. Values that are
no text are not compared. Places fold as `ldapwire.dn.fold` says; the true spelling of a container is
the value of its naming attribute.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from syncd.ldapwire import dn
from syncd.model import Key, Kind
from syncd.targets.ldap_profile import LOCKED_FOR_GOOD, MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.ldapwire.operations import Entry
    from syncd.model import Attrs, Path, State
    from syncd.targets.ldap_profile import LdapProfile

Edits = list[tuple[str, str, tuple[bytes, ...]]]

LOCK = "pwdAccountLockedTime"
NOT_LDAP = frozenset({"dn", "enabled"})  # attrs that are no attributes of the entry
_HIDDEN = frozenset({"objectclass", "entryuuid", "memberof", "userpassword", LOCK.lower(), "nsaccountlock"})


def shape(desired: State) -> State:
    """The desired state as a directory would hold it, each fact by itself; shaping twice changes nothing."""
    return {_key(key): _attrs(attrs) for key, attrs in desired.items()}


def fold_place(place: Path) -> Path:
    """A place as observed keys spell it."""
    return (dn.fold_dn(place[0]), *(dn.fold(part) for part in place[1:])) if place else ()


def normal(values: Iterable[str]) -> tuple[str, ...]:
    """Values as they are compared."""
    return tuple(sorted({unicodedata.normalize("NFC", value) for value in values if value}))


def container_attrs(entry: Entry, profile: LdapProfile) -> dict[str, tuple[str, ...]]:
    """What a unit or group says of itself; the naming attribute shows the name only, not synonyms."""
    attrs = _read_attrs(entry, profile)
    for name, value in dn.attributes(dn.parse(entry.dn)[0]):
        if isinstance(value, str):
            attrs[dn.fold_type(name)] = normal((value,))
    return attrs


def person_attrs(entry: Entry, profile: LdapProfile) -> dict[str, tuple[str, ...]]:
    """What the entry of a person says, with `enabled`."""
    return {**_read_attrs(entry, profile), "enabled": ("true" if is_enabled(entry) else "false",)}


def is_enabled(entry: Entry) -> bool:
    """Whether nobody locked the account for good; a lock after wrong passwords passes and does not count."""
    return LOCKED_FOR_GOOD not in entry.texts(LOCK) and entry.text("nsAccountLock").lower() != "true"


def logins_of(entry: Entry) -> tuple[str, ...]:
    """Every `uid` of a person; the one that names the entry, else the first in order, stands first."""
    naming = names_of(dn.parse(entry.dn)[0]).get("uid", set()) if entry.dn else set()
    return tuple(sorted(entry.texts("uid"), key=lambda uid: (uid not in naming, uid)))


def mark_of(entry: Entry, profile: LdapProfile) -> str:
    """The marker `environment/mapping` on an entry, ours first where several are; else nothing."""
    values = entry.attributes.get(profile.marker_attribute.lower(), ())
    if profile.marker and profile.mark in values:
        return profile.marker
    marks = sorted(text.removeprefix(MARK) for text in map(_text, values) if text and text.startswith(MARK))
    return marks[0] if marks else ""


def wanted_rdn(segment: str, attrs: Attrs) -> str:
    """The RDN to write: `segment`, with each value spelled as the attribute of the same name spells it."""
    parts = []
    for name, value in dn.attributes(segment):
        values = attrs.get(dn.fold_type(name), ())
        spelled = next((v for v in values if dn.fold(dn.rdn(name, v)) == dn.fold(_part(name, value))), None)
        parts.append(dn.rdn(name, spelled) if spelled is not None else _part(name, value))
    return "+".join(parts)


def names_of(rdn: str) -> dict[str, set[str]]:
    """The text values that an RDN puts into the entry, by folded attribute name."""
    found: dict[str, set[str]] = {}
    for name, value in dn.attributes(rdn):
        if isinstance(value, str):
            found.setdefault(dn.fold_type(name), set()).add(value)
    return found


def entry_values(attrs: Attrs, rdn: str) -> dict[str, tuple[bytes, ...]]:
    """The attributes of an entry to be made: those wanted and those that its RDN implies."""
    values = {name: set(texts) for name, texts in attrs.items() if name not in NOT_LDAP and texts}
    for name, texts in names_of(rdn).items():
        values[name] = texts | {v for v in values.get(name, set()) if v not in normal(texts)}
    return {name: encode(texts) for name, texts in values.items()}


def edits(wanted: Attrs, before: Attrs, clear: Iterable[str], skip: Mapping[str, set[str]]) -> Edits:
    """What turns the attributes from `before` into `wanted`, value by value; `skip` stands in the RDN.

    Foreign values of attributes that are not mentioned stay, and so does what the RDN holds.
    """
    found: Edits = []
    goals = {name: set(values) for name, values in wanted.items() if name not in NOT_LDAP}
    goals.update({name: set() for name in clear if name not in NOT_LDAP})
    for name, goal in sorted(goals.items()):
        own = {dn.fold_text(value) for value in skip.get(name, ())}
        have = set(before.get(name, ()))
        if gone := {value for value in have - goal if dn.fold_text(value) not in own}:
            found.append(("delete", name, encode(gone)))
        if new := {value for value in goal - have if dn.fold_text(value) not in own}:
            found.append(("add", name, encode(new)))
    return found


def lock_edits(wanted: Attrs, before: Attrs) -> Edits:
    """The change of the account's lock, if `enabled` is wanted otherwise than it is."""
    want = wanted.get("enabled")
    if not want or want == before.get("enabled", ("true",)):
        return []
    return [("replace", LOCK, () if want == ("true",) else (LOCKED_FOR_GOOD.encode(),))]


def encode(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Values as bytes, in an order that does not vary."""
    return tuple(sorted(text.encode() for text in texts))


def _key(key: Key) -> Key:
    item = key.item
    if key.kind is Kind.MEMBER and item and "=" in item[0]:
        item = fold_place(item)
    return Key(key.kind, fold_place(key.place), item)


def _attrs(attrs: Attrs) -> Attrs:
    shaped = {name.lower(): normal(values) for name, values in attrs.items()}
    return {name: values for name, values in shaped.items() if values}


def _read_attrs(entry: Entry, profile: LdapProfile) -> dict[str, tuple[str, ...]]:
    hidden = _HIDDEN | {profile.member.lower()}
    marker = profile.marker_attribute.lower()
    found = {}
    for name, raw in entry.attributes.items():
        texts = [_text(value) for value in raw]
        if name in hidden or None in texts:
            continue
        shown = (text for text in texts if text and not (name == marker and text.startswith(MARK)))
        if values := normal(shown):
            found[name] = values
    return found


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _part(name: str, value: dn.Value) -> str:
    return f"{name}=#{value.hex().upper()}" if isinstance(value, bytes) else dn.rdn(name, value)
