"""A company as its mapping says it is, and what both servers hold once that is true: the model of a soak.

It knows nothing of syncd but the format of its files; what it expects is worked out here a second time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

ROLES = ("admin", "member")
DEPARTMENTS = ("north", "south")
NAMES = ("ada", "bea", "cyd", "dov", "eli", "fay", "gil", "hal", "ida", "jan", "kit", "lou")
PEOPLE = tuple(f"{name}@acme.example" for name in NAMES)
GUESTS = ("guest.ana", "guest.ben", "guest.col")  # whom only hands put in; no file names them
STAFF = 9
Edge = tuple[str, str, str]  # unit, role, person


@dataclass
class Project:
    """A team of a department; `formerly` has every path it had since a run was known to have seen it."""

    department: str
    title: str
    members: dict[str, set[str]] = field(default_factory=lambda: {role: set() for role in ROLES})
    formerly: list[str] = field(default_factory=list)


@dataclass
class Company:
    """Units with who is in them, staff by number, invitees by address, and who is in by hand."""

    projects: dict[str, Project] = field(default_factory=dict)
    staff: set[int] = field(default_factory=lambda: set(range(STAFF)))
    invitees: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    in_keycloak: set[Edge] = field(default_factory=set)  # by hand
    in_ldap: set[Edge] = field(default_factory=set)

    def path(self, unit: str) -> str:
        """Where the unit is, `/acme/north/p1`."""
        above = f"/{self.projects[unit].department}" if unit in self.projects else ""
        return f"/acme{above}/{unit}"

    def units(self) -> list[str]:
        return [*DEPARTMENTS, *self.projects]

    def has_foreign(self, unit: str) -> bool:
        return any(edge[0] == unit for edge in self.in_keycloak | self.in_ldap)

    # --- files ------------------------------------------------------------------------------------------

    def mapping(self) -> str:
        """The mapping's file: JSON is YAML."""
        document = {
            "syncd": 1,
            "people": {address: _names(address) for address in (*PEOPLE, *self.invitees)},
            "rosters": {
                "staff": {
                    "csv": "staff.csv",
                    "key": "number",
                    "columns": {"email": "address", "given_name": "given", "family_name": "family"},
                    "unknown": "create",
                }
            },
            "invitations": {"unknown": "invite", "channels": {"email": {"valid_for": "P10D"}}},
            "organizations": {
                "acme": {
                    "title": "Acme",
                    "members": {"admin": [PEOPLE[0]]},
                    "teams": {name: self._department(name) for name in DEPARTMENTS},
                }
            },
            "keycloak": {"group": "/{path}/{role}", "unit_group": "/{path}"},
            "ldap": {"people": "manage", "unit_attributes": {"description": "{title}"}},
        }
        return json.dumps(document, indent=1)

    def _department(self, name: str) -> dict[str, Any]:
        return {
            "title": name.title(),
            "members": {"member": [{"roster": "staff", "where": {"team": name}}]},
            "teams": {
                unit: {
                    "title": project.title,
                    "members": {role: sorted(there) for role, there in project.members.items()},
                    **({"formerly": project.formerly} if project.formerly else {}),
                }
                for unit, project in self.projects.items()
                if project.department == name
            },
        }

    def roster(self) -> str:
        """The roster's file."""
        rows = (f"{number},{staff(number)},Given,Staff,{_team(number)}\n" for number in sorted(self.staff))
        return "number,address,given,family,team\n" + "".join(rows)

    # --- what is there once that is true ----------------------------------------------------------------

    def holders(self, unit: str, role: str) -> set[str]:
        """Who holds the role by the files, of those who can."""
        if unit in DEPARTMENTS:
            return {staff(number) for number in self.staff if _team(number) == unit and role == "member"}
        return {
            one
            for one in self.projects[unit].members[role]
            if one not in self.invitees or one in self.accepted
        }

    def groups(self) -> dict[str, list[str]]:
        """Every group of Keycloak by path, with its members."""
        found: dict[str, list[str]] = {"/acme": [], "/acme/admin": [PEOPLE[0]], "/acme/member": []}
        for unit in self.units():
            found[self.path(unit)] = []
            for role in ROLES:
                by_hand = {who for where, what, who in self.in_keycloak if (where, what) == (unit, role)}
                found[f"{self.path(unit)}/{role}"] = sorted(self.holders(unit, role) | by_hand)
        return found

    def entries(self) -> dict[str, list[str]]:
        """Every LDAP group by DN above the base, with the uids of its members; an admin is a member too."""
        found = {"cn=admin,ou=acme": [PEOPLE[0]], "cn=member,ou=acme": [PEOPLE[0]]}
        for unit in self.units():
            admins = self.holders(unit, "admin")
            for role in ROLES:
                by_hand = {who for where, what, who in self.in_ldap if (where, what) == (unit, role)}
                found[self.entry(unit, role)] = sorted(admins | self.holders(unit, role) | by_hand)
        return found

    def entry(self, unit: str, role: str) -> str:
        """The DN of a role's group above the base."""
        return f"cn={role}," + ",".join(f"ou={name}" for name in reversed(self.path(unit)[1:].split("/")))


def staff(number: int) -> str:
    return f"staff.{number}@acme.example"


def _team(number: int) -> str:
    return DEPARTMENTS[number % len(DEPARTMENTS)]


def _names(address: str) -> dict[str, str]:
    return {"given_name": address.partition("@")[0].title(), "family_name": "Acme"}
