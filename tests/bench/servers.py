"""A company on real servers that are started and filled here: what runs cost, counted and timed.

Beside each run stands the sequential script that an administrator would write with python-keycloak, on a
realm of its own with the same people; on a large company it sees to a part of the groups, and its time is
taken times as many. Requests and writes are counted by proxies and judged; seconds depend on the machine, so
only their ratio to the script's is worth comparing. At the end somebody is taken out of a group by hand, on
either server, with a daemon that looks there: that time is in periods of its looks.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakGetError

from deploy.local.servers import Keycloak, Slapd
from syncd.app import App
from syncd.app.in_force import InForce
from syncd.ldapwire.connection import ConnectionSettings
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import Add
from syncd.settings import load as load_settings
from syncd.targets.keycloak_bootstrap import bootstrap_realm
from syncd.targets.keycloak_connection import KeycloakConnection
from syncd.targets.keycloak_recall import MOST, OVERLAP
from tests.bench import hands
from tests.counting_proxies import READ, WRITE, CountingHttp, CountingLdap

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.model import RunReport

IN_FLIGHT = 8
NOTHING_NEW = 2  # requests to Keycloak
LDAP_PAGE = 500  # entries in one answer, as connections have it
IMPORTED = 500  # people that one import brings to Keycloak
GROUPS_PER_FILE = 500
MODEL = """\
syncd: 1
mapping: bench
kinds: {organization: {}, team: {within: organization}}
roles: {member: {}}
keycloak: {group: "/{path}"}
ldap: {}
policy: {removals: {per_day: 5%, at_most: 1000}}
organizations:
  bench: {}
"""
SCRIPT, SYNCD, DAEMON = "the script", "syncd", "syncd, daemon"


@dataclass(frozen=True, slots=True)
class Size:
    """Groups, people, and how many of them are in each group; the script sees to every `part`-th group."""

    groups: int
    people: int
    members: int
    part: int = 1

    @property
    def memberships(self) -> int:
        return self.groups * self.members


SIZES = {"S": Size(200, 1_000, 15), "M": Size(2_000, 20_000, 20, part=10)}


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of somebody: requests and operations as the servers saw them, and seconds on the wall."""

    what: str
    who: str
    reads: int
    writes: int
    searches: int
    ldap_writes: int
    at_once: int
    seconds: float
    ratio: float = 0.0


class Company:
    """Who is in which group; each change swaps one member of some groups for somebody else."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.groups = {
            f"team{number:04d}": [
                name_of((number * size.members + each) % size.people) for each in range(size.members)
            ]
            for number in range(size.groups)
        }
        self._swapped = 0

    def swap(self) -> int:
        """Take one member out of some groups and let another in: 1 % of all memberships; how many groups."""
        names = sorted(self.groups)
        count = max(1, self.size.memberships // 200)
        for number in range(count):
            members = self.groups[names[(self._swapped + number) % len(names)]]
            left = members.pop(0)
            start = self._swapped * 7 + number * 13
            newcomers = (name_of((start + each) % self.size.people) for each in range(self.size.people))
            members.append(next(one for one in newcomers if one not in members and one != left))
        self._swapped += count
        return min(count, len(names))

    def write(self, folder: Path) -> None:
        """The company as a mapping in several files, none of which may be larger than a mebibyte."""
        folder.mkdir(exist_ok=True)
        (folder / "00-model.yaml").write_text(MODEL)
        names = list(self.groups)
        for start in range(0, len(names), GROUPS_PER_FILE):
            (folder / f"teams-{start:05d}.yaml").write_text(
                "syncd: 1\nunder: /bench\nteams:\n"
                + "".join(
                    f"  {name}: {{members: {{member: [{', '.join(map(address_of, self.groups[name]))}]}}}}\n"
                    for name in names[start : start + GROUPS_PER_FILE]
                )
            )


def name_of(number: int) -> str:
    return f"person{number:05d}"


def address_of(name: str) -> str:
    return f"{name}@bench.example"


class Bench:
    """The servers of one measurement, with proxies before them, and both ways to bring the company there."""

    def __init__(  # noqa: PLR0913, PLR0917 - the servers and what stands before them
        self,
        folder: Path,
        size: Size,
        keycloak: Keycloak,
        slapd: Slapd,
        http: CountingHttp,
        ldap: CountingLdap,
    ) -> None:
        self._folder = folder
        self._server = keycloak
        self._slapd = slapd
        self.company = Company(size)
        self.http = http
        self.ldap = ldap
        self.script = SCRIPT if size.part == 1 else f"{SCRIPT}, 1 of {size.part} groups"
        self.costs: list[Cost] = []
        self.faults: list[str] = []
        people = [name_of(number) for number in range(size.people)]
        secret = self._fill_realm("syncd", people)
        self._fill_realm("script", people)
        self._fill_directory(slapd, people)
        self._write_site(slapd, secret)
        self._daemon = InForce(folder / "syncd.yaml", lambda: False)

    def everything(self) -> list[Cost]:
        """First load, nothing to do and 1 % changed: everything read, then what changed, then the script.

        The script comes once after both changes, and so has twice as much to change.
        """
        size = self.company.size
        first = self._count("first load", SYNCD, self._by_hand)
        wanted = 1 + size.groups + size.memberships  # the organization, too, is a group
        self._expect(first.writes == wanted, f"{wanted} writes", first)
        self._in_flight(first)
        self._count("first load", self.script, self._script)
        if first.writes >= MOST:
            time.sleep(OVERLAP / 1000)  # until then the daemon, too, reads everything
        self._settle()  # reads everything, and then what was written as it turns up among the events
        self._settle()
        for what in ("nothing to do", "1 % changed"):
            for who, run in ((f"{SYNCD}, everything read", self._by_hand), (DAEMON, self._daemon_run)):
                changed = self._change() if what == "1 % changed" else 0
                cost = self._count(what, who, run)
                self._judge(cost, changed)
                self._settle()
            self._count(what, self.script, self._script)
        return [*_with_ratios(self.costs, self.company.size.part), *self._by_hands()]

    def _by_hands(self) -> list[Cost]:
        """A member is taken out of a group on either server; one write puts them back."""
        group, base = f"/bench/{min(self.company.groups)}", f"ou=bench,{self._slapd.suffix}"
        acts = {
            "Keycloak": (partial(hands.in_keycloak, self._server, "syncd", group), (1, 0)),
            "LDAP": (partial(hands.in_directory, self._slapd, base), (0, 1)),
        }
        costs = []
        with hands.looked_after(self._folder):
            for where, (act, writes) in acts.items():
                what = f"changed by hand in {where} to repaired, periods of {hands.PERIOD} s"
                cost = self._count(what, DAEMON, act)
                self._expect((cost.writes, cost.ldap_writes) == writes, f"{writes} writes", cost)
                costs.append(replace(cost, ratio=cost.seconds / hands.PERIOD))
        return costs

    def _judge(self, cost: Cost, changed: int) -> None:
        """In each group that changed one came and one went: one write each, on either server."""
        wanted = 2 * changed
        self._expect((cost.writes, cost.ldap_writes) == (wanted, wanted), f"{wanted} writes", cost)
        self._in_flight(cost)
        if not changed and cost.who == DAEMON:
            least = (NOTHING_NEW, self._pages())
            self._expect((cost.reads, cost.searches) <= least, f"{least} requests and pages", cost)

    def _in_flight(self, cost: Cost) -> None:
        self._expect(cost.at_once <= IN_FLIGHT, f"{IN_FLIGHT} at once", cost)

    def _expect(self, met: bool, what: str, cost: Cost) -> None:
        if not met:
            self.faults.append(f"expected {what}: {cost}")

    def _settle(self) -> None:
        """What a run wrote itself is no change of the next one that is measured."""
        time.sleep(2)
        self._daemon_run()

    def _pages(self) -> int:
        """How many requests one search for every entry is."""
        entries = self.company.size.people + 2 * self.company.size.groups
        return entries // LDAP_PAGE + 1

    def _count(self, what: str, who: str, run: Callable[[], object]) -> Cost:
        for proxy in (self.http, self.ldap):
            proxy.counts.clear()
        self.http.most_at_once = 0
        begun = time.perf_counter()
        run()
        seconds = time.perf_counter() - begun
        counts, searches = self.http.counts, self.ldap.counts["search"]
        cost = Cost(
            what,
            who,
            counts[READ],
            counts[WRITE],
            searches,
            self.ldap.writes,
            self.http.most_at_once,
            seconds,
        )
        self.costs.append(cost)
        sys.stderr.write(f"{cost}\n")  # on a large company a run takes minutes
        return cost

    # --- syncd

    def _by_hand(self) -> None:
        app = App(load_settings(self._folder / "syncd.yaml"))
        try:
            _well(app.apply("bench", None, confirmed=True, actor="bench"))
        finally:
            app.close()

    def _daemon_run(self) -> None:
        _well(self._daemon.run("bench", "schedule"))

    def _change(self) -> int:
        changed = self.company.swap()
        self.company.write(self._folder / "bench")
        return changed

    # --- the script

    def _script(self) -> None:
        """What one finds in many places: group by group, person by person, one call after another."""
        connection = KeycloakOpenIDConnection(
            server_url=self.http.url,
            realm_name="script",
            user_realm_name="master",
            client_id=self._server.admin_client_id,
            client_secret_key=self._server.admin_client_secret,
        )
        admin = KeycloakAdmin(connection=connection)
        for name, wanted in islice(self.company.groups.items(), 0, None, self.company.size.part):
            try:
                group = admin.get_group_by_path(f"/{name}")["id"]
            except KeycloakGetError:
                group = admin.create_group({"name": name})
            present = {member["username"]: member["id"] for member in admin.get_group_members(group)}
            for person in wanted:
                if person not in present:
                    admin.group_user_add(admin.get_user_id(person), group)
            for person in present.keys() - set(wanted):
                admin.group_user_remove(present[person], group)

    # --- what is there before

    def _fill_realm(self, realm: str, people: list[str]) -> str:
        """A realm with everybody in it; the secret of syncd's account."""
        admin = KeycloakConnection(
            url=self._server.url,
            realm=realm,
            login_realm="master",
            client_id=self._server.admin_client_id,
            client_secret=self._server.admin_client_secret,
        )
        secret = bootstrap_realm(admin).secret

        for start in range(0, len(people), IMPORTED):
            users = [_user(name) for name in people[start : start + IMPORTED]]
            reply = admin.call("POST", "partialImport", body={"ifResourceExists": "FAIL", "users": users})
            assert reply.ok, reply
        admin.close()
        return secret

    @staticmethod
    def _fill_directory(slapd: Slapd, people: list[str]) -> None:
        login = {"bind_dn": slapd.admin_dn, "password": slapd.admin_password}
        directory = Directory(ConnectionSettings(name="admin", urls=(slapd.url,), **login))
        units = [f"ou={name},{slapd.suffix}" for name in ("bench", "everybody")]
        entries = [Add(where, {"objectClass": (b"organizationalUnit",)}) for where in units]
        for replies in (
            directory.write(entries),
            directory.write([_person(name, units[1]) for name in people]),
        ):
            assert all(reply.code == 0 for reply in replies)
        directory.close()

    def _write_site(self, slapd: Slapd, secret: str) -> None:
        for name, content in (("kc", secret), ("ldap", slapd.bind_password), ("syncd.key", "6b" * 32)):
            file = self._folder / name
            file.write_text(content)
            file.chmod(0o600)
        base = {"ldap.base": f"ou=bench,{slapd.suffix}", "ldap.people_base": f"ou=everybody,{slapd.suffix}"}
        given = ", ".join(f'{key}: "{value}"' for key, value in base.items())
        (self._folder / "syncd.yaml").write_text(
            "environment: bench\nstore: sqlite:syncd.db\nintegrity_key: {file: syncd.key}\nconnections:\n"
            f"  sso: {{type: keycloak, url: {self.http.url}, realm: syncd, client_id: syncd, "
            "client_secret: {file: kc}}\n"
            f'  directory: {{type: ldap, urls: ["{self.ldap.url}"], bind_dn: "{slapd.bind_dn}", '
            "password: {file: ldap}}\n"
            f"mappings:\n  bench: {{from: bench, set: {{{given}}}}}\n"
        )
        self.company.write(self._folder / "bench")
        app = App(load_settings(self._folder / "syncd.yaml"))
        app.db_upgrade()
        app.close()


def measure(size: str) -> tuple[list[Cost], list[str]]:
    """Start the servers, fill them, measure, and take everything away again: costs, and what was too dear."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as temporary:
        folder = Path(temporary)
        keycloak, slapd = Keycloak(folder / "keycloak"), Slapd(folder / "slapd")
        site = folder / "site"
        site.mkdir()
        try:
            keycloak.start()
            slapd.start()
            with CountingHttp(keycloak.url) as http, CountingLdap(slapd.url) as ldap:
                bench = Bench(site, SIZES[size], keycloak, slapd, http, ldap)
                return bench.everything(), bench.faults
        finally:
            for server in (keycloak, slapd):
                server.wipe()


def document(size: str, costs: list[Cost]) -> dict[str, object]:
    """The figures for a machine."""
    return {"size": {"name": size, **asdict(SIZES[size])}, "costs": [asdict(cost) for cost in costs]}


def table(size: str, costs: list[Cost]) -> list[tuple[str, ...]]:
    """The figures for people, a row each."""
    shape = SIZES[size]
    title = f"{size}: {shape.groups:,} groups, {shape.people:,} people, {shape.memberships:,} memberships"
    head = (title, "who", "reads", "writes", "LDAP searches", "LDAP writes", "at once", "s", "time")
    rows = [
        (
            cost.what,
            cost.who,
            *(f"{number:,}" for number in (cost.reads, cost.writes, cost.searches, cost.ldap_writes)),
            str(cost.at_once),
            f"{cost.seconds:.1f}",
            f"{cost.ratio:.2f}",
        )
        for cost in costs
    ]
    return [head, *rows]


def _with_ratios(costs: list[Cost], part: int) -> list[Cost]:
    """Each time as a part of what the script takes, or would take, for the same company."""
    script = {cost.what: part * cost.seconds for cost in costs if cost.who.startswith(SCRIPT)}
    return [Cost(**{**asdict(cost), "ratio": cost.seconds / script[cost.what]}) for cost in costs]


def _user(name: str) -> dict[str, object]:
    return {
        "username": name,
        "email": address_of(name),
        "emailVerified": True,
        "enabled": True,
        "firstName": "Given",
        "lastName": name,
    }


def _person(name: str, where: str) -> Add:
    plain = {"uid": name, "cn": name, "sn": name, "mail": address_of(name)}
    values = {key: (value.encode(),) for key, value in plain.items()}
    return Add(f"uid={name},{where}", {"objectClass": (b"inetOrgPerson",), **values})


def _well(report: RunReport) -> None:
    assert report.exit_code == 0, report.message
