"""A directory for tests: an output bound to a fresh base, and hands to change things behind its back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from syncd.ldapwire import dn
from syncd.ldapwire.connection import ConnectionSettings
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import Add, Delete, Entry, Modify, Query
from syncd.model import Kind
from syncd.targets.ldap import LdapTarget
from syncd.targets.ldap_profile import PLACEHOLDER, LdapProfile
from syncd.targets.ldap_values import logins_of
from tests.contract.target_contract import TargetWorld
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.local.slapd import Slapd
    from syncd.ldapwire.operations import Operation
    from syncd.model import Attrs, Path


def settings_for(server: Slapd, **changes: object) -> ConnectionSettings:
    """The service account's connection to the test server."""
    given = {
        "name": "directory",
        "urls": (server.url,),
        "bind_dn": server.bind_dn,
        "password": server.bind_password,
        **changes,
    }
    return ConnectionSettings(**given)  # type: ignore[arg-type]


class LdapWorld(TargetWorld):
    """One LDAP output; `hands` is a second connection, which no target knows of."""

    unit_kind = Kind.OU

    def __init__(self, server: Slapd, base: str, wire: str = "lean", **profile: str) -> None:
        self.server = server
        self.base = base
        self.hands = Directory(settings_for(server))
        self.people_base = f"ou=people,{base}"
        self.groups_base = f"ou=groups,{base}"
        self.write(
            *(
                Add(where, {"objectClass": (b"organizationalUnit",)})
                for where in (self.people_base, self.groups_base)
            )
        )
        self.people = tuple((f"p_{number:016x}", self.person(f"person{number}")) for number in range(3))
        given = {"base": self.groups_base, "people_base": self.people_base, "marker": MARKER, **profile}
        self.profile = LdapProfile(**given)
        self.target = LdapTarget("ldap", settings_for(server, wire=wire), self.profile)
        self.tops = ((self.groups_base,),)

    def close(self) -> None:
        self.target.close()
        self.hands.close()

    # ---- what the contract asks for

    def place(self, *names: str, group: bool = False) -> Path:
        parts = [dn.rdn("ou", name) for name in names]
        if group:
            parts[-1] = dn.rdn("cn", names[-1])
        return (self.groups_base, *parts)

    def attrs(self, *names: str, group: bool = False, description: str = "") -> Attrs:
        named: dict[str, tuple[str, ...]] = {"cn" if group else "ou": (names[-1],)}
        if group and self.profile.by_login:
            named["gidnumber"] = ("20000",)
        return {**named, "description": (description,)} if description else named

    def foreign_group(self, place: Path) -> None:
        least = {"gidNumber": "20000"} if self.profile.by_login else {self.profile.member: PLACEHOLDER}
        values = {"objectClass": self.profile.group_class, "cn": str(dn.attributes(place[-1])[0][1]), **least}
        self.write(Add(dn.dn_of(place), {name: (value.encode(),) for name, value in values.items()}))

    def foreign_member(self, place: Path, native: str) -> None:
        member = self.dn_of(native)
        if self.profile.by_login:
            member = logins_of(self.entry(member))[0]
        self.write(Modify(dn.dn_of(place), (("add", self.profile.member, (member.encode(),)),)))

    @contextlib.contextmanager
    def interrupted(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()
            self.hands.connection.close()

    # ---- hands

    def write(self, *operations: Operation) -> None:
        """Each in turn; every one must succeed."""
        for operation in operations:
            replies = list(self.hands.write([operation]))
            assert [reply.code for reply in replies] == [0], replies

    def person(self, uid: str, **attributes: str) -> str:
        """A new entry below people; its entryUUID."""
        where = f"{dn.rdn('uid', uid)},{self.people_base}"
        plain = {"uid": uid, "cn": uid, "sn": uid, "mail": f"{uid}@example.org", **attributes}
        values = {name: (value.encode(),) for name, value in plain.items()}
        self.write(Add(where, {"objectClass": (b"inetOrgPerson",), **values}))
        return self.entry(where).text("entryUUID")

    def entry(self, where: str) -> Entry:
        """An entry that exists, with its id."""
        found = self.hands.entry(where, ("*", "entryUUID"))
        assert found is not None, f"{where} does not exist"
        return found

    def dn_of(self, native: str) -> str:
        """The DN of the entry with this id."""
        return self.hands.search(Query(self.base, f"(entryUUID={native})", ("1.1",)))[0].dn

    def members(self, where: str) -> Sequence[str]:
        """The members of a group as the server has them, the placeholder included."""
        return sorted(self.entry(where).texts(self.profile.member))

    def remove(self, where: str) -> None:
        self.write(Delete(where))
