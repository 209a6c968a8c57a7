"""Hours of a company in minutes: edits, hands that meddle and faults strike at random, from one seed.

A file is edited, an entry changed or a server lost whatever the daemon does just then. Everything done by
hand goes past syncd and is noted in the model only where the server took it.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
import urllib.error
import urllib.parse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.live.directory.invitee import Invitee
from tests.system.company import DEPARTMENTS, GUESTS, PEOPLE, ROLES, STAFF, Company, Project
from tests.system.site import put
from tests.system.test_daemon import Serving, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.cutting_proxy import CuttingProxy
    from tests.system.site import Site

PASSWORD = "a long enough password"
MOST_PROJECTS = 8
MOST_INVITEES = 8


@dataclass(frozen=True)
class Sample:
    """What a process holds at a moment; `at` in seconds since it was started, `resident` in MiB."""

    life: int
    at: float
    resident: float
    files: int
    threads: int


class Soak:
    """One daemon, its company, and what happens to both."""

    def __init__(self, site: Site, sink: MailSink, keycloak: CuttingProxy, seed: int) -> None:
        self.site, self.sink, self.keycloak = site, sink, keycloak
        self.chance = random.Random(seed)
        self.company = Company()
        self.samples: list[Sample] = []
        self.done: Counter[str] = Counter()
        self.invited: set[str] = set()
        self.daemons: list[Serving] = []
        self._names = iter(range(10**9))
        self._began = 0.0

    @property
    def daemon(self) -> Serving:
        """The one that lives."""
        return self.daemons[-1]

    @property
    def life(self) -> int:
        """How many have been started."""
        return len(self.daemons)

    # --- the daemon ---------------------------------------------------------------------------------------

    def start(self) -> None:
        self._began = time.monotonic()
        self.daemons.append(Serving(self.site))
        eventually(lambda: self.daemon.get("/healthz")[0] == 200)

    def kill(self) -> None:
        """kill -9, and another one in its place."""
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.start()

    def sample(self) -> None:
        """Note what the daemon holds; it must live."""
        assert self.daemon.process.poll() is None, self.daemon.log.read_text()[-5000:]
        proc = Path(f"/proc/{self.daemon.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        self.samples.append(
            Sample(
                self.life,
                time.monotonic() - self._began,
                int(status["VmRSS"].split()[0]) / 1024,
                len(list((proc / "fd").iterdir())),
                int(status["Threads"]),
            )
        )

    # --- the story ----------------------------------------------------------------------------------------

    def play(self, seconds: float, pause: tuple[float, float]) -> None:
        """Do one thing after the other; processes are killed in the first and the last sixth only, so that
        one lives long enough to be measured."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            kills = not seconds / 6 < passed < seconds * 5 / 6
            act = self.chance.choice(self._acts(kills))
            act()
            self.done[act.__name__] += 1
            self.sample()
            time.sleep(self.chance.uniform(*pause))

    def _acts(self, kills: bool) -> list[Callable[[], object]]:
        edits = [self.join, self.join, self.leave, self.found, self.close, self.rename, self.move]
        edits += [self.retitle, self.hire_or_fire, self.invite, self.accept, self.drop_invitee]
        hands = [self.take_out, self.take_out_of_ldap, self.put_in, self.put_in_ldap, self.put_out]
        hands += [self.delete_group, self.delete_entry, self.scribble]
        faults = [self.break_the_file, self.lose_ldap, self.cut_keycloak, self.hang_up, self.ask]
        return edits * 2 + hands + faults + ([self.kill] * 2 if kills else [])

    def settle(self) -> dict[str, Any]:
        """A run that begins after the last fault; the one before it may have read the files earlier."""
        self.write()
        self._next_run()
        return self._next_run()

    def _next_run(self) -> dict[str, Any]:
        before = {run["id"] for run in self.runs()}
        self.daemon.signal(signal.SIGUSR1)

        def ended() -> list[dict[str, Any]]:
            return [run for run in self.runs() if run["id"] not in before and run["finished"]]

        return eventually(ended)[-1]  # type: ignore[no-any-return]

    def runs(self) -> list[dict[str, Any]]:
        """The runs in the store, newest first."""
        answer = self.site.cli("--output", "json", "runs", "list", "--limit", "10000").ok()
        found: list[dict[str, Any]] = answer.json["runs"]
        return found

    def write(self) -> None:
        """Save the files as an editor does: anew, then moved into place."""
        for file, text in (
            (self.site.folder / "staff.csv", self.company.roster()),
            (self.site.mapping, self.company.mapping()),
        ):
            put(file, text)

    # --- edits --------------------------------------------------------------------------------------------

    def _project(self) -> Project | None:
        projects = self.company.projects
        return projects[self.chance.choice(sorted(projects))] if projects else None

    def join(self) -> None:
        if project := self._project():
            project.members[self.chance.choice(ROLES)].add(self.chance.choice(PEOPLE))
            self.write()

    def leave(self) -> None:
        project = self._project()
        role = self.chance.choice(ROLES)
        if project and project.members[role]:
            project.members[role].discard(self.chance.choice(sorted(project.members[role])))
            self.write()

    def found(self) -> None:
        if len(self.company.projects) < MOST_PROJECTS:
            unit = f"p{next(self._names)}"
            project = Project(self.chance.choice(DEPARTMENTS), unit.upper())
            project.members["member"] |= set(self.chance.sample(PEOPLE, 3))
            self.company.projects[unit] = project
            self.write()

    def close(self) -> None:
        """A unit in which somebody is by hand stays: what is foreign is no one's to take away."""
        free = [unit for unit in self.company.projects if not self.company.has_foreign(unit)]
        if len(free) > 2:
            closed = self.company.projects.pop(self.chance.choice(sorted(free)))
            self._forget(closed.members["member"])
            self.write()

    def rename(self) -> None:
        company = self.company
        if company.projects:
            old = self.chance.choice(sorted(company.projects))
            new = f"r{next(self._names)}"
            company.projects[old].formerly.append(company.path(old))
            company.projects[new] = company.projects.pop(old)
            for edges in (company.in_keycloak, company.in_ldap):
                moved = {edge for edge in edges if edge[0] == old}
                edges.difference_update(moved)
                edges.update((new, role, who) for _, role, who in moved)
            self.write()

    def move(self) -> None:
        if self.company.projects:
            unit = self.chance.choice(sorted(self.company.projects))
            project = self.company.projects[unit]
            project.formerly.append(self.company.path(unit))
            project.department = self.chance.choice([one for one in DEPARTMENTS if one != project.department])
            project.formerly = [one for one in project.formerly if one != self.company.path(unit)]
            self.write()

    def retitle(self) -> None:
        if project := self._project():
            project.title = f"Title {next(self._names)}"
            self.write()

    def hire_or_fire(self) -> None:
        self.company.staff ^= {self.chance.randrange(STAFF)}
        self.write()

    def invite(self) -> None:
        project = self._project()
        if project and len(self.company.invitees) < MOST_INVITEES:
            address = f"invited.{next(self._names)}@acme.example"
            self.company.invitees.append(address)
            self.invited.add(address)
            project.members["member"].add(address)
            self.write()

    def accept(self) -> None:
        """Somebody opens the link of a mail, if one came that nobody took back."""
        company = self.company
        waiting = {one for project in company.projects.values() for one in project.members["member"]}
        waiting &= set(company.invitees) - company.accepted
        mails = {mail["to"][0]: mail["links"][0] for mail in self.sink.messages()}
        if who := self.chance.choice([*sorted(waiting & mails.keys()), ""]):
            with contextlib.suppress(OSError):
                if Invitee().accept(mails[who], password=PASSWORD).done:
                    company.accepted.add(who)

    def drop_invitee(self) -> None:
        for project in self.company.projects.values():
            if invited := project.members["member"] & set(self.company.invitees):
                who = self.chance.choice(sorted(invited))
                project.members["member"].discard(who)
                self._forget({who})
                self.write()
                return

    def _forget(self, people: set[str]) -> None:
        """Files name only whom they need: a company that grows would look like a leak."""
        self.company.invitees = [one for one in self.company.invitees if one not in people]

    # --- hands --------------------------------------------------------------------------------------------

    def _somewhere(self) -> tuple[str, str]:
        return self.chance.choice(self.company.units()), self.chance.choice(ROLES)

    def _group(self, path: str) -> str | None:
        """The id of a group that is there now."""
        try:
            return str(self.site.admin("GET", f"group-by-path{urllib.parse.quote(path)}")["id"])
        except urllib.error.HTTPError as error:
            error.close()
            return None

    def _admin(self, method: str, path: str) -> bool:
        """Whether Keycloak took it."""
        try:
            self.site.admin(method, path)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        return True

    def _ldap(self, record: str) -> bool:
        try:
            self.site.ldap(record)
        except subprocess.CalledProcessError:
            return False
        return True

    def take_out(self) -> None:
        """A member whom the files name, in Keycloak."""
        unit, role = self._somewhere()
        group = self._group(f"{self.company.path(unit)}/{role}")
        if group and (holders := sorted(self.company.holders(unit, role))):
            user = self.site.users().get(self.chance.choice(holders))
            if user:
                self._admin("DELETE", f"users/{user['id']}/groups/{group}")

    def take_out_of_ldap(self) -> None:
        unit, role = self._somewhere()
        if holders := sorted(self.company.holders(unit, role)):
            self._member("delete", unit, role, self.chance.choice(holders))

    def put_in(self) -> None:
        """Somebody whom no file names."""
        unit, role = self._somewhere()
        who = self.chance.choice(GUESTS)
        group = self._group(f"{self.company.path(unit)}/{role}")
        if group and self._admin("PUT", f"users/{self.site.users()[who]['id']}/groups/{group}"):
            self.company.in_keycloak.add((unit, role, who))

    def put_in_ldap(self) -> None:
        unit, role = self._somewhere()
        who = self.chance.choice(GUESTS)
        if self._member("add", unit, role, who):
            self.company.in_ldap.add((unit, role, who))

    def put_out(self) -> None:
        """Whoever is in by hand goes as they came."""
        for unit, role, who in sorted(self.company.in_keycloak)[:1]:
            group = self._group(f"{self.company.path(unit)}/{role}")
            if group and self._admin("DELETE", f"users/{self.site.users()[who]['id']}/groups/{group}"):
                self.company.in_keycloak.discard((unit, role, who))
        for unit, role, who in sorted(self.company.in_ldap)[:1]:
            if self._member("delete", unit, role, who):
                self.company.in_ldap.discard((unit, role, who))

    def _member(self, how: str, unit: str, role: str, who: str) -> bool:
        dn, value = self.company.entry(unit, role), f"uid={who},{self.site.people_base}"
        return self._ldap(f"dn: {dn},{self.site.base}\nchangetype: modify\n{how}: member\nmember: {value}")

    def delete_group(self) -> None:
        """A project's groups, or one of them, with everybody who is in."""
        if self.company.projects:
            unit = self.chance.choice(sorted(self.company.projects))
            role = self.chance.choice(("", *ROLES))
            group = self._group(f"{self.company.path(unit)}/{role}".rstrip("/"))
            if group and self._admin("DELETE", f"groups/{group}"):
                self.company.in_keycloak -= {
                    edge for edge in self.company.in_keycloak if edge[0] == unit and edge[1].startswith(role)
                }

    def delete_entry(self) -> None:
        unit, role = self._somewhere()
        if self._ldap(f"dn: {self.company.entry(unit, role)},{self.site.base}\nchangetype: delete"):
            self.company.in_ldap -= {edge for edge in self.company.in_ldap if edge[:2] == (unit, role)}

    def scribble(self) -> None:
        """Another description than the file's."""
        unit = self.chance.choice(self.company.units())
        dn = self.company.entry(unit, "x").partition(",")[2]
        self._ldap(
            f"dn: {dn},{self.site.base}\nchangetype: modify\nreplace: description\ndescription: scribbled"
        )

    # --- faults -------------------------------------------------------------------------------------------

    def _while(self) -> None:
        """What goes on while something is broken."""
        self.chance.choice((self.join, self.leave, self.take_out, self.hire_or_fire))()
        time.sleep(self.chance.uniform(0.5, 4))

    def break_the_file(self) -> None:
        text = self.company.mapping()
        broken = (text.replace('"members"', '"membres"', 1), text[: len(text) // 2], "syncd: 2\n")
        self.site.write(self.chance.choice(broken))
        time.sleep(self.chance.uniform(0.5, 4))
        self.write()

    def lose_ldap(self) -> None:
        self.site.slapd.stop()
        self._while()
        self.site.slapd.start()

    def cut_keycloak(self) -> None:
        self.keycloak.swallow()
        self._while()
        self.keycloak.heal()

    def hang_up(self) -> None:
        self.daemon.signal(signal.SIGHUP)

    def ask(self) -> None:
        self.daemon.signal(signal.SIGUSR1)
