"""A company of a given size as a folder of mapping files: what every measurement reads, plans or stores.

Each file is one department under a path of its own, as teams keep them; lines look as people write them,
every tenth entry with an end date and a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPARTMENTS = 20
TEAM = 25  # members of one team
LEADERS = 1  # of them, how many lead

MODEL = """\
syncd: 1
mapping: bench
kinds:
  organization: {}
  department: {within: organization}
  team: {within: [department, team]}
roles:
  member: {permissions: [wiki.read]}
  lead: {inherits: [member], scope: team, permissions: [wiki.edit, rota.plan]}
  admin: {inherits: [member], scope: organization, privileged: true}
constraints:
  - {exclusive: [member, lead], per: unit}
keycloak: {permissions: scoped, client: bench}
ldap: {base: "ou=bench,dc=example,dc=org", closure: false}
organizations:
  acme:
    title: {en: Acme, fr: Acme}
    members: {admin: [admin@acme.example]}
    departments:
"""


def write_company(folder: Path, memberships: int) -> list[Path]:
    """Write the mapping into `folder`; the files, in the order in which they are read."""
    folder.mkdir(parents=True, exist_ok=True)
    model = MODEL + "".join(
        f"      d{number:02d}: {{title: Department {number}}}\n" for number in range(DEPARTMENTS)
    )
    files = {folder / "00-model.yaml": model}
    share = memberships // DEPARTMENTS
    for number in range(DEPARTMENTS):
        files[folder / f"d{number:02d}.yaml"] = "".join(_department(number, share))
    for file, text in files.items():
        file.write_text(text, "utf-8")
    return list(files)


def _department(number: int, memberships: int) -> Iterator[str]:
    yield f"syncd: 1\nunder: /acme/d{number:02d}\nteams:\n"
    for start in range(0, memberships, TEAM):
        name = f"team-{number:02d}-{start // TEAM:03d}"
        yield f"  {name}:\n    id: {name}\n    title: Team {start // TEAM} of department {number}\n"
        yield "    members:\n"
        people = [
            f"person{number:02d}{each:05d}@acme.example"
            for each in range(start, min(start + TEAM, memberships))
        ]
        yield f"      lead: [{', '.join(people[:LEADERS])}]\n      member:\n"
        for index, person in enumerate(people[LEADERS:]):
            end = f"{{person: {person}, until: 2031-12-31, reason: project}}"
            yield f"        - {end if index % 10 == 9 else person}\n"
