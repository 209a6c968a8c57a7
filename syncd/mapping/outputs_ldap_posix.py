"""PURE: what POSIX asks of a directory: group names that systems take, and people who have a login name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from syncd.ldapwire import dn
from syncd.mapping.outputs_ldap_people import person_dn, person_uid
from syncd.mapping.outputs_people import Standing

if TYPE_CHECKING:
    from syncd.mapping.compiled import Assignment
    from syncd.mapping.outputs_drawing import Drawing, PeopleView
    from syncd.mapping.schema import LdapOutput
    from syncd.model import Origin, Path

NAME = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9._][A-Za-z0-9._-]{0,31}\Z")
"""POSIX's portable names (IEEE 1003.1 §3.282), no number, no longer than Linux takes (`LOGIN_NAME_MAX`)."""

EXAMPLE = 'for example group: "cn={path:-|slug}-{role|slug},{unit}"'


def check_name(drawing: Drawing, names: dict[str, Origin], place: Path, origin: Origin) -> None:
    """The name of a group, which is looked up by it alone, wherever the entry stands.

    `names` has those drawn so far.
    """
    name = next((str(value) for kind, value in dn.attributes(place[-1]) if dn.fold_type(kind) == "cn"), "")
    where = origin.place or drawing.place
    if not NAME.match(name):
        message = (
            f'"{name}" ({dn.dn_of(place)}) is no POSIX group name: at most 32 of A-Z, a-z, 0-9,'
            " `.`, `_`, `-`, no `-` at the beginning, not digits alone"
        )
        drawing.refuse(where, message, EXAMPLE)
        return
    other = names.setdefault(name.lower(), origin)
    if other.anchor != origin.anchor:
        drawing.clash(other, origin, f'the POSIX group "{name}"')


def with_login(
    drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment, found: Standing
) -> Standing:
    """The standing of a person in a POSIX group, who waits without a name that it can hold (RFC 2307)."""
    if found.reason:
        return found
    account = people.account(found.person, drawing.output)
    if account is not None:
        login, what = account.login, f"the entry of {each.text}"
    else:
        login, what = (
            person_uid(drawing, output, people, each),
            f'"{person_dn(drawing, output, people, each)}"',
        )
    reason = ""
    if not login:
        reason = f"{what} has no uid, by which a POSIX group names people"
    elif not login.isascii():
        reason = f'the uid "{login}" of {what} has letters that a POSIX group cannot hold'
    return Standing(found.person, reason) if reason else found
