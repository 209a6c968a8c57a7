"""What a run costs when little or nothing changed, counted between syncd and its servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.app.in_force import InForce
from syncd.targets import keycloak_recall
from tests.counting_proxies import READ, WRITE, CountingHttp, CountingLdap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncd.model import RunReport
    from tests.system.site import Site

pytestmark = pytest.mark.live

PLATFORM = "/acme/dsi/platform/member"


class Counted:
    """Runs as the daemon makes them, over proxies that count."""

    def __init__(self, site: Site, keycloak: CountingHttp, ldap: CountingLdap) -> None:
        self.site = site
        self.keycloak = keycloak
        self.ldap = ldap
        text = site.config.read_text()
        site.config.write_text(
            text.replace(site.keycloak.url, keycloak.url).replace(site.slapd.url, ldap.url)
        )
        self.restart()

    def run(self) -> RunReport:
        """One run; the counts are those of it alone."""
        for proxy in (self.keycloak, self.ldap):
            proxy.counts.clear()
        report = self._daemon.run(self.site.name, "schedule")
        assert report.exit_code == 0, report.message
        return report

    def quiet(self) -> None:
        """One more run, to which nothing is new."""
        self.run()
        assert self.costs() == NOTHING

    def restart(self) -> None:
        """Another process, as far as memory goes."""
        self._daemon = InForce(self.site.config, lambda: False)

    def costs(self) -> tuple[int, int, int, int]:
        """Reads and writes of Keycloak, searches and writes of LDAP."""
        return (
            self.keycloak.counts[READ],
            self.keycloak.counts[WRITE],
            self.ldap.counts["search"],
            self.ldap.writes,
        )


NOTHING = (2, 0, 1, 0)
STRANGERS = (
    "  kay.kerr@acme.example: {given_name: Kay, family_name: Kerr}\n",
    "  zed.zola@acme.example: {given_name: Zed, family_name: Zola}\n",
)
"""Named by the mapping and without an account."""


@pytest.fixture
def counted(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """Applied, and read whole once."""
    monkeypatch.chdir(tmp_path)
    for stranger in STRANGERS:
        site.edit(stranger, "")
    monkeypatch.setattr(keycloak_recall, "SETTLED", -5_000)
    site.apply().ok()
    with CountingHttp(site.keycloak.url) as keycloak, CountingLdap(site.slapd.url) as ldap:
        made = Counted(site, keycloak, ldap)
        made.run()
        yield made


def test_a_run_costs_what_changed(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """One site for all of it, because making one takes longer than every run here."""
    counted.run()
    counted.quiet()
    for change in (by_hand_in_keycloak, by_hand_in_ldap, by_the_files):
        change(counted)
        counted.run()  # looks at what it wrote
        counted.quiet()
    a_restart_and_a_damaged_copy(counted, monkeypatch)
    people_without_an_account(counted)


def by_hand_in_keycloak(counted: Counted) -> None:
    """As in the console, which is one more client of the Admin API: found by its event, and repaired."""
    site = counted.site
    group = site.groups()[PLATFORM]
    gone = site.admin("GET", f"groups/{group['id']}/members")[0]["id"]
    site.admin("DELETE", f"users/{gone}/groups/{group['id']}")
    counted.run()
    assert counted.costs() == (3, 1, 1, 0)  # and the members of that group
    assert site.groups()[PLATFORM]["members"] == group["members"]


def by_hand_in_ldap(counted: Counted) -> None:
    """Found by its stamp, and repaired."""
    site = counted.site
    group = next(dn for dn in site.entries() if dn.startswith("cn=member,ou=platform"))
    before = site.members(group)
    site.ldap(f"dn: {group}\nchangetype: modify\ndelete: member\nmember: {before[0]}\n")
    counted.run()
    reads, writes, _, changes = counted.costs()
    assert (reads, writes, changes) == (2, 0, 1)
    assert site.members(group) == before


def by_the_files(counted: Counted) -> None:
    """What the files take away is read before it is removed."""
    site = counted.site
    gone = site.admin("GET", "users?username=carla.cid@acme.example&exact=true")[0]["id"]
    site.edit("carla.cid@acme.example, dan.duval@acme.example", "dan.duval@acme.example")
    counted.run()
    reads, writes, _, changes = counted.costs()
    assert (reads, writes, changes) == (3, 1, 1)
    assert site.admin("GET", f"users/{gone}/groups") == []


def a_restart_and_a_damaged_copy(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy outlives the process; one that cannot be used costs a whole read and nothing else."""
    counted.restart()
    counted.quiet()
    with monkeypatch.context() as patch:
        patch.setattr(keycloak_recall, "FORMAT", 2)
        counted.run()
    assert counted.keycloak.counts[READ] > NOTHING[0]
    assert counted.costs()[1::2] == (0, 0)


def people_without_an_account(counted: Counted) -> None:
    """Who registers leaves no event, so accounts are counted as long as somebody is missing."""
    counted.site.edit("people:\n", "people:\n" + "".join(STRANGERS))
    for _ in range(3):
        counted.run()
    assert counted.costs() == (3, 0, 1, 0)
