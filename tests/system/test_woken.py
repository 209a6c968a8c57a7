"""A change by hand on a server wakes the daemon, and is repaired within one period of `events`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.counting_proxies import READ, WRITE, CountingHttp, CountingLdap
from tests.system.test_daemon import NEVER, PLATFORM, eventually, members, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.site import Site
    from tests.system.test_daemon import Serving

pytestmark = pytest.mark.live

PERIOD = "events: PT1S\n"
SEEN = "changed by somebody else"


class Woken:
    """A site over proxies that count, its daemon due once a year, looking every second."""

    def __init__(self, site: Site, keycloak: CountingHttp, ldap: CountingLdap) -> None:
        self.site, self.keycloak, self.ldap = site, keycloak, ldap
        text = site.config.read_text()
        text = text.replace(site.keycloak.url, keycloak.url).replace(site.slapd.url, ldap.url)
        site.config.write_text(text + NEVER + PERIOD)
        site.apply().ok()

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """What both servers have been asked, of one moment."""
        while True:
            http, ldap = Counter(self.keycloak.counts), Counter(self.ldap.counts)
            if http == self.keycloak.counts:
                return http, ldap

    def looks(self, count: int) -> None:
        """Wait for so many more looks at both servers."""
        reads, searches = self.keycloak.counts[READ] + count, self.ldap.counts["search"] + count
        eventually(lambda: self.keycloak.counts[READ] >= reads and self.ldap.counts["search"] >= searches)


@pytest.fixture
def woken(site: Site) -> Iterator[Woken]:
    with CountingHttp(site.keycloak.url) as keycloak, CountingLdap(site.slapd.url) as ldap:
        yield Woken(site, keycloak, ldap)


def test_what_is_changed_by_hand_on_a_server_is_repaired_by_itself(woken: Woken) -> None:
    """One site for all of it, because making one takes longer than every change here."""
    with serving(woken.site) as daemon:
        woken.looks(2)
        nothing_new_costs_one_request_and_one_search(woken)
        ran(daemon, woken, 0)
        a_member_removed_in_keycloak_comes_back(woken)
        ran(daemon, woken, 1)
        a_member_removed_in_the_directory_comes_back(woken)
        ran(daemon, woken, 2)
        a_group_removed_in_the_directory_comes_back(woken)
        ran(daemon, woken, 3)
        stranger = an_account_made_by_hand(woken)
        ran(daemon, woken, 4)
        what_policy_leaves_alone_is_let_in(woken, stranger)
        ran(daemon, woken, 5)
        assert "stranger" in members(woken.site)
        servers_are_named_where_readiness_is_asked_for(daemon)
        assert daemon.end() == 0


def ran(daemon: Serving, woken: Woken, runs: int) -> None:
    """So many runs have been woken; what the last one wrote, or left alone, wakes no other."""
    eventually(lambda: len(daemon.records("run")) >= runs)
    woken.looks(2)
    assert (len(daemon.records(SEEN)), len(daemon.records("run"))) == (runs, runs)


def nothing_new_costs_one_request_and_one_search(woken: Woken) -> None:
    before = woken.counts()
    woken.looks(3)
    http, ldap = (now - then for now, then in zip(woken.counts(), before, strict=True))
    assert abs(http[READ] - ldap["search"]) <= 1  # of the first or last round one may not be there yet
    assert (http[WRITE], set(ldap)) == (0, {"search"})


def a_member_removed_in_keycloak_comes_back(woken: Woken) -> None:
    site, before = woken.site, members(woken.site)
    group = site.groups()[PLATFORM]["id"]
    gone = site.admin("GET", f"groups/{group}/members")[0]["id"]
    site.admin("DELETE", f"users/{gone}/groups/{group}")
    eventually(lambda: members(site) == before)


def a_member_removed_in_the_directory_comes_back(woken: Woken) -> None:
    site = woken.site
    group = next(dn for dn in site.entries() if dn.startswith("cn=member,ou=platform"))
    before = site.members(group)
    site.ldap(f"dn: {group}\nchangetype: modify\ndelete: member\nmember: {before[0]}\n")
    eventually(lambda: site.members(group) == before)


def a_group_removed_in_the_directory_comes_back(woken: Woken) -> None:
    site = woken.site
    group = next(dn for dn in site.entries() if dn.startswith("cn=member,ou=platform"))
    site.ldap(f"dn: {group}\nchangetype: delete\n")
    eventually(lambda: group in site.entries())


def an_account_made_by_hand(woken: Woken) -> str:
    """Some mapping may have waited for it."""
    woken.site.admin("POST", "users", {"username": "stranger", "enabled": True})
    return str(woken.site.users()["stranger"]["id"])


def what_policy_leaves_alone_is_let_in(woken: Woken, stranger: str) -> None:
    """A member whom an administrator of Keycloak put there is reported, and stays."""
    group = woken.site.groups()[PLATFORM]["id"]
    woken.site.admin("PUT", f"users/{stranger}/groups/{group}")


def servers_are_named_where_readiness_is_asked_for(daemon: Serving) -> None:
    events = {name: one["status"] for name, one in daemon.checks().items() if name.startswith("events of")}
    assert list(events.values()) == ["ok", "ok"]
    assert 'syncd_wakes_total{mapping="acme",target="sso"} 3.0' in daemon.get("/metrics")[1]
