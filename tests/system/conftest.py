"""A bootstrapped site of its own for every test of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.site import Site

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.local.servers import Keycloak, Slapd

MAPPING = """\
syncd: 1
rosters:
  staff: {csv: staff.csv, key: number, columns: {email: address, given_name: given, family_name: family}}
invitations: {unknown: create}
people:
  ann.ashe@acme.example: {given_name: Ann, family_name: Ashe}
  bob.beau@acme.example: {given_name: Bob, family_name: Beau}
  carla.cid@acme.example: {given_name: Carla, family_name: Cid}
  dan.duval@acme.example: {given_name: Dan, family_name: Duval}
  eve.eluard@acme.example: {given_name: Eve, family_name: Eluard}
  kay.kerr@acme.example: {given_name: Kay, family_name: Kerr}
  zed.zola@acme.example: {given_name: Zed, family_name: Zola}
organizations:
  acme:
    title: Acme
    members:
      admin: [ann.ashe@acme.example]
    teams:
      dsi:
        title: Information systems
        members:
          member: [{roster: staff, where: {team: dsi}}]
        teams:
          platform:
            title: Platform
            members:
              admin: [bob.beau@acme.example]
              member: [carla.cid@acme.example, dan.duval@acme.example]
          "Lyon, Part-Dieu":
            members:
              member: [eve.eluard@acme.example]
keycloak: {group: "/{path}/{role}", unit_group: "/{path}"}
ldap: {people: manage}
"""

DIRECTORY_ONLY = """\
environment: test
integrity_key: {{file: syncd.key}}
connections:
  directory: {{type: ldap, urls: ["{url}"], bind_dn: "{bind}", password: {{file: ldap}}}}
mappings:
  acme: {{from: acme.yaml, set: {{ldap.base: "{base}", ldap.people_base: "{people}"}}}}
"""

STAFF = "number,address,given,family,team\n" + "".join(
    f"{number},{given.lower()}.staff@acme.example,{given},Staff,dsi\n"
    for number, given in enumerate(("Fay", "Gus", "Hal", "Ivy", "Jon", "Kim", "Liv", "Max"), 1)
)


def bootstrapped(folder: Path, keycloak: Keycloak, slapd: Slapd, realm: str, top: str) -> Site:
    """A site with the mapping above, not yet applied, in a realm of its own and below the entry `top`."""
    base, people = f"ou=units,{top}", f"ou=people,{top}"
    made = Site(folder, keycloak, slapd, realm, base, people)
    made.ldap(*(f"dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n" for dn in (base, people)))
    (folder / "staff.csv").write_text(STAFF, encoding="utf-8")
    made.write(MAPPING)
    made.bootstrap().ok()
    return made


@pytest.fixture
def site(
    tmp_path: Path, keycloak_server: Keycloak, slapd_server: Slapd, realm_name: str, ldap_base: str
) -> Site:
    """Bootstrapped, with the mapping above, not yet applied."""
    return bootstrapped(tmp_path, keycloak_server, slapd_server, realm_name, ldap_base)


@pytest.fixture
def directory_site(tmp_path: Path, slapd_server: Slapd, ldap_base: str) -> Site:
    """A site with a directory only, in which ann, bob and eve have their entries; it has no mapping yet."""
    base, people = f"ou=units,{ldap_base}", f"ou=people,{ldap_base}"
    made = Site(tmp_path, None, slapd_server, "", base, people)
    made.ldap(
        *(f"dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n" for dn in (base, people)),
        *(_person(name, people) for name in ("ann", "bob", "eve")),
    )
    for name, text in {"ldap": slapd_server.bind_password, "syncd.key": "k" * 44}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    made.config.write_text(
        DIRECTORY_ONLY.format(url=slapd_server.url, bind=slapd_server.bind_dn, base=base, people=people),
        encoding="utf-8",
    )
    made.cli("db", "upgrade").ok()
    return made


def _person(name: str, people_base: str) -> str:
    return (
        f"dn: uid={name},{people_base}\nchangetype: add\nobjectClass: inetOrgPerson\n"
        f"cn: {name}\nsn: {name}\nmail: {name}@acme.example\n"
    )


@pytest.fixture
def applied(site: Site) -> Site:
    """The same, applied."""
    site.apply().ok()
    return site
