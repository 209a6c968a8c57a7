"""What one LDAP output fixes: where it writes, how groups and people look, what marks an entry as ours.

The ownership marker stands in an attribute that units, groups and people all allow, by default
`businessCategory`, as one value `syncd:environment/mapping` beside whatever others put there.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import UsageError
from syncd.ldapwire import dn

PLACEHOLDER = "cn=empty-membership-placeholder"
"""The member of a group that has none, where the class demands one; the same that Keycloak writes."""

MARK = "syncd:"
MARKER_ATTRIBUTE = "businessCategory"
POSIX = "posixGroup"
MEMBER_ATTRIBUTES = {"groupOfNames": "member", "groupOfUniqueNames": "uniqueMember", POSIX: "memberUid"}
LOCKED_FOR_GOOD = "000001010000Z"  # draft-behera-ldap-password-policy §5.3.3
PERSON_CLASSES = {
    "inetorgperson": ("top", "person", "organizationalPerson", "inetOrgPerson"),
    "organizationalperson": ("top", "person", "organizationalPerson"),
}


@dataclass(frozen=True, slots=True)
class LdapProfile:
    """The choices of one LDAP output; `marker` is `environment/mapping`, empty writes none.

    Without `people_base` people are looked for below `base`.

    `empty_group` is placeholder, delete or allow; empty leaves it to what the server demands. Raises
    `UsageError` for a group class that this version does not write, and for names that are no DNs.
    """

    base: str
    people_base: str = ""
    group_class: str = "groupOfNames"
    empty_group: str = ""
    people: str = "reference"
    person_class: str = "inetOrgPerson"
    match: str = "mail"
    marker: str = ""
    marker_attribute: str = MARKER_ATTRIBUTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "people_base", self.people_base or self.base)
        if self.group_class not in MEMBER_ATTRIBUTES:
            raise UsageError(
                f"group_class {self.group_class} cannot be written by this version",
                f"Use one of: {', '.join(MEMBER_ATTRIBUTES)}.",
            )
        for text in (self.base, self.people_base):
            try:
                dn.parse(text)
            except dn.DnError as error:
                raise UsageError(str(error), "Correct base and people_base of the LDAP output.") from error

    @property
    def member(self) -> str:
        """The attribute that holds members."""
        return MEMBER_ATTRIBUTES[self.group_class]

    @property
    def by_login(self) -> bool:
        """Whether groups name people by `uid` (RFC 2307), not by DN."""
        return self.group_class == POSIX

    @property
    def mark(self) -> bytes:
        """The value that marks an entry as made by this mapping."""
        return f"{MARK}{self.marker}".encode()

    @property
    def manages_people(self) -> bool:
        """Whether entries of people are made and changed, not only referred to."""
        return self.people == "manage"
