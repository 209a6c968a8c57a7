"""The local stack: a real Keycloak, slapd and mail sink, and syncd's demo applied to them
and kept true by its daemon.

    deploy/local/run [--servers-only]   start what does not run, apply mappings/demo, keep it true
    deploy/local/run NAME …             apply mappings/NAME as well
    deploy/local/status                 what runs where
    deploy/local/stop [--wipe]          end the servers by their pids; --wipe removes their data too

All lives in .cache/local; each server's directory has a server.json with its ports, secrets, pid and start.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import keycloak, packages
from deploy.local.daemon import Daemon
from deploy.local.servers import Keycloak, MailSink, ServerFailed, Slapd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.local.server import Server

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / ".cache" / "local"
MAPPING = "demo"
REALM = "demo"
TELL_AFTER = "PT30S"  # what fails for so long is told
EVENTS = "PT5S"  # a newcomer who edits a group in the console watches


class Stack:
    """The three servers below one directory, and syncd's daemon once it has been started."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keycloak = Keycloak(home / "keycloak")
        self.slapd = Slapd(home / "slapd")
        self.mail = MailSink(home / "mailsink")
        self.settings = home / "syncd.yaml"
        self.daemon = Daemon(home / "syncd", self.settings)

    @property
    def servers(self) -> tuple[Server, ...]:
        return (self.keycloak, self.slapd, self.mail)

    @property
    def known(self) -> tuple[Server, ...]:
        """What status shows and stop ends, the daemon first: it needs the others."""
        return (*((self.daemon,) if self.daemon.directory.exists() else ()), *self.servers)

    def start(self) -> None:
        """Start all side by side, saying of each when it is ready; raises ServerFailed."""
        with ThreadPoolExecutor(len(self.servers)) as threads:
            for line in threads.map(_started, self.servers):
                print(line, flush=True)

    def secret_file(self, name: str, secret: str) -> Path:
        """Write a secret where only this account reads it, for programs that take it from a file."""
        file = self.home / "secrets" / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secret)
        return file

    @property
    def keycloak_secret(self) -> Path:
        return self.secret_file("keycloak-admin-client", self.keycloak.admin_client_secret)

    @property
    def ldap_secret(self) -> Path:
        return self.secret_file("ldap-syncd", self.slapd.bind_password)

    def bootstrap_arguments(self, mapping: str = MAPPING) -> list[str]:
        """`syncd bootstrap` for this stack: realm, service account and syncd.yaml."""
        options = {
            "keycloak-url": self.keycloak.url,
            "realm": REALM,
            "admin-client-id": self.keycloak.admin_client_id,
            "admin-client-secret-file": self.keycloak_secret,
            "ldap-url": self.slapd.url,
            "ldap-bind-dn": self.slapd.bind_dn,
            "ldap-password-file": self.ldap_secret,
            "ldap-base": self.slapd.groups_dn,
            "ldap-people-base": self.slapd.people_dn,
            "smtp-host": self.mail.smtp_host,
            "smtp-port": self.mail.smtp_port,
            "email-theme": "syncd",
        }
        if not self.settings.exists():  # else it says where the mapping is
            options["mapping-path"] = REPOSITORY / "mappings" / mapping
        return [
            "bootstrap",
            mapping,
            *(word for name, value in options.items() for word in (f"--{name}", str(value))),
        ]

    def complete_settings(self, mappings: Sequence[str]) -> None:
        """Let syncd's own mails end in the inbox and changes by hand be seen soon; name further mappings."""
        head, _, named = self.settings.read_text().partition("\nmappings:\n")
        ours = ("smtp:", "events:", "notify:")
        head = "\n".join(line for line in head.splitlines() if not line.startswith(ours))
        smtp = f"{{host: {self.mail.smtp_host}, port: {self.mail.smtp_port}, from: no-reply@{REALM}.example}}"
        notify = f"{{mail: [operator@{REALM}.example], after: {TELL_AFTER}}}"
        for name in mappings:
            if f"\n  {name}:" not in f"\n{named}":
                named = f"{named.rstrip()}\n{self._mapping_lines(name)}"
        lines = (head, f"events: {EVENTS}", f"smtp: {smtp}", f"notify: {notify}", "mappings:", named)
        self.settings.write_text("\n".join(lines))

    def _mapping_lines(self, name: str) -> str:
        return (
            f"  {name}:\n"
            f'    from: "{REPOSITORY / "mappings" / name}"\n'
            "    set:\n"
            f'      ldap.base: "{self.slapd.groups_dn}"\n'
            f'      ldap.people_base: "{self.slapd.people_dn}"\n'
        )


def _started(server: Server) -> str:
    if server.alive():
        return f"{server.name} runs already on {server.url}"
    begun = time.monotonic()
    server.start()
    return f"{server.name} is ready on {server.url} after {time.monotonic() - begun:.1f} s"


def run(stack: Stack, *, servers_only: bool, mappings: Sequence[str] = ()) -> int:
    packages.ensure(packages.SERVERS)
    if not keycloak.prepared_folder().exists():
        print("Keycloak is fetched and prepared first; that takes a minute or a few, once.", flush=True)
    stack.start()
    if not servers_only:
        stack.daemon.stop()  # its runs would be in the way of ours
        _put_outdated_settings_aside(stack)
        for name in dict.fromkeys((MAPPING, *mappings)):
            if failed := _prepared(stack, name) or _syncd(stack, ["apply", name, "--yes"]):
                return failed
        print(_started(stack.daemon), flush=True)
    print(_addresses(stack, servers_only=servers_only))
    return 0


def _prepared(stack: Stack, name: str) -> int:
    """Bootstrap a mapping: the demo, whose bootstrap writes syncd.yaml, or one that is added to it."""
    if name != MAPPING:
        stack.complete_settings([name])
    failed = _syncd(stack, stack.bootstrap_arguments(name))
    if not failed:
        stack.complete_settings([])
    return failed


def _put_outdated_settings_aside(stack: Stack) -> None:
    """A server whose port was taken while it was stopped has a new one: syncd.yaml must be written anew."""
    settings = stack.settings
    if not settings.exists():
        return
    written = settings.read_text()
    if not all(server.url in written for server in (stack.keycloak, stack.slapd)):
        settings.replace(settings.with_suffix(".yaml.old"))
        print("A server has a new port: syncd.yaml is written anew, the old one is kept as syncd.yaml.old")


def _syncd(stack: Stack, arguments: Sequence[str]) -> int:
    command = [REPOSITORY / ".venv" / "bin" / "syncd", "--config", stack.settings, *arguments]
    print(f"\n$ syncd {arguments[0]} {arguments[1]}", flush=True)
    code = subprocess.run([str(word) for word in command], cwd=REPOSITORY, check=False).returncode
    if code:
        shown = " ".join(str(word) for word in command)
        print(
            f"syncd {arguments[0]} ended with {code}. Servers go on; to try it again:\n  {shown}",
            file=sys.stderr,
        )
    return code


def _addresses(stack: Stack, *, servers_only: bool) -> str:
    sso, slapd, mail = stack.keycloak, stack.slapd, stack.mail
    bound = f"-H {slapd.url} -D {slapd.bind_dn} -y {stack.ldap_secret} -b {slapd.suffix}"
    lines = [
        "",
        f"Keycloak   {sso.url}/admin/master/console/" + ("" if servers_only else f"#/{REALM}/groups"),
        f"           log in as {sso.admin_user}, password {sso.admin_password}",
        f"LDAP       {slapd.url}   {slapd.tls_url} (CA: {slapd.ca})",
        f"           bind as {slapd.bind_dn}, password in {stack.ldap_secret}",
        f"           ldapsearch -x -LLL {bound}",
        f"Mail       {mail.url}   (SMTP on {mail.smtp_host}:{mail.smtp_port})",
    ]
    if not servers_only:
        syncd = f".venv/bin/syncd --config {os.path.relpath(stack.settings, REPOSITORY)}"
        lines += [
            f"syncd      {syncd} plan",
            f"           {syncd} status",
            f"daemon     {stack.daemon.url}   {stack.daemon.metrics_url}   log {stack.daemon.log}",
            f"           (edit mappings/{MAPPING}, a group in the console, an entry in LDAP: it notices)",
        ]
    return "\n".join([*lines, "End it     deploy/local/stop"])


def status(stack: Stack) -> int:
    """Exit code 0 if every server runs, 1 otherwise."""
    for server in stack.known:
        print(_state(server))
    return 0 if all(server.alive() for server in stack.known) else 1


def _state(server: Server) -> str:
    process, since = server.process(), server.since()
    if process is None or since is None:
        return f"{server.name:9} stopped" if server.directory.exists() else f"{server.name:9} never started"
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    state = "ok" if server.alive() else "DEAD"
    return f"{server.name:9} {state:5} {server.url}  pid {process.number}  since {moment}  log {server.log}"


def stop(stack: Stack, *, wipe: bool) -> int:
    for server in stack.known:
        ran = server.alive()
        server.wipe() if wipe else server.stop()
        print(f"{server.name:9} {'ended' if ran else 'did not run'}")
    if wipe:
        shutil.rmtree(stack.home, ignore_errors=True)
        print("The data is removed; the prepared Keycloak stays in the cache.")
    return 0


def main() -> int:
    words = argparse.ArgumentParser(
        "deploy/local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = words.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("run", help="start the servers and apply the demo")
    shipped = sorted(folder.name for folder in (REPOSITORY / "mappings").iterdir() if folder.is_dir())
    starting.add_argument("mappings", nargs="*", metavar="NAME", help=f"of {', '.join(shipped)}")
    starting.add_argument("--servers-only", action="store_true", help="start the servers, apply nothing")
    commands.add_parser("status", help="what runs where")
    ending = commands.add_parser("stop", help="end the servers, keep their data")
    ending.add_argument("--wipe", action="store_true", help="remove their data too")
    chosen = words.parse_args()
    if unknown := set(getattr(chosen, "mappings", ())).difference(shipped):
        words.error(f"no such mapping: {', '.join(sorted(unknown))}; there are {', '.join(shipped)}")
    stack = Stack(HOME)
    try:
        if chosen.command == "run":
            return run(stack, servers_only=chosen.servers_only, mappings=chosen.mappings)
        return stop(stack, wipe=chosen.wipe) if chosen.command == "stop" else status(stack)
    except ServerFailed as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
