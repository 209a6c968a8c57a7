"""Setting up: bootstrap by a one-off administrator, and the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncd.app_types import BootstrapRequest
from syncd.cli.session import Session, only_one, run_bootstrap
from syncd.cli.speech import command, group, option, subcommand
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.render.documents import document
from syncd.render.tables import sentences_page

secret_file = click.Path(exists=True, dir_okay=False)


@command(
    "bootstrap",
    more=mark(
        "Secrets are read from files, never taken from the command line, which everyone on this host can see."
    ),
)
@click.argument("mapping", required=False)
@option("--keycloak-url", metavar="URL", help=mark("Keycloak's address."))
@option("--realm", metavar="REALM", help=mark("The realm to prepare."))
@option(
    "--admin-client-id",
    metavar="ID",
    help=mark("A one-off administrator's client."),
)
@option("--admin-client-secret-file", type=secret_file, help=mark("The file with its secret."))
@option("--admin-realm", metavar="REALM", help=mark("The realm it is in; by default master."))
@option("--ldap-url", metavar="URL", help=mark("The directory's address, ldaps://…"))
@option("--ldap-bind-dn", metavar="DN", help=mark("Whom to bind as."))
@option("--ldap-password-file", type=secret_file, help=mark("The file with the password."))
@option("--ldap-base", metavar="DN", help=mark("The base below which syncd writes."))
@option("--ldap-people-base", metavar="DN", help=mark("Where people are."))
@option("--mapping-path", type=click.Path(), help=mark("The mapping to write into a new syncd.yaml."))
@option("--smtp-host", metavar="HOST", help=mark("The realm's mail server."))
@option("--smtp-port", type=click.IntRange(1, 65_535), help=mark("Its port."))
@option("--email-theme", metavar="NAME", help=mark("The realm's e-mail theme, where the server has it."))
@option("--environment", metavar="NAME", help=mark("Of a new syncd.yaml; by default production."))
@option("--remove", is_flag=True, help=mark("Take away what bootstrap made, and nothing else."))
@click.pass_obj
def bootstrap_command(session: Session, /, **wanted: Any) -> int:
    """Hand the request over, show each step."""
    request = BootstrapRequest(**{name: value for name, value in wanted.items() if value is not None})
    session.start_logs()
    steps = run_bootstrap(session.settings_file() or Path("syncd.yaml"), request)
    session.show(
        sentences_page(steps or [_("Everything was there already.")]), document("steps", steps=steps)
    )
    return 0


db_command = group("db")(lambda: None)


@subcommand(db_command, "upgrade", mark("Bring the store to the schema of this version."))
@click.pass_obj
def db_upgrade(session: Session) -> int:
    """Upgrade."""
    with session.app() as app:
        steps = list(app.db_upgrade() or ())
    session.show(sentences_page(steps or [_("The store is up to date.")]), document("steps", steps=steps))
    return 0


@subcommand(db_command, "check", mark("Check the store's schema, files and signed rows."))
@click.pass_obj
def db_check(session: Session) -> int:
    """Check: exit code 1 where something is wrong."""
    with session.app() as app:
        faults = list(app.db_check())
    lines = faults or [_("The store is sound.")]
    session.show(sentences_page(lines, good=not faults), document("store_check", faults=faults))
    return 1 if faults else 0


@subcommand(
    db_command,
    "grant",
    mark("Let a login of PostgreSQL read the store and hand requests to workers, and no more."),
)
@click.argument("login")
@option("--show", is_flag=True, help=mark("Only print the statements, for an administrator of PostgreSQL."))
@click.pass_obj
def db_grant(session: Session, login: str, show: bool) -> int:
    """Grant, or print what would."""
    with session.app() as app:
        lines = [f"{statement};" for statement in app.db_grant(login, only_show=show)]
    session.show(sentences_page(lines), document("steps", steps=lines))
    return 0


@subcommand(db_command, "rebuild", mark("Rebuild a lost ledger from the marks on the servers."))
@click.argument("mapping", required=False)
@click.pass_obj
def db_rebuild(session: Session, mapping: str | None) -> int:
    """Rebuild."""
    with session.app() as app:
        name = only_one(app, mapping)
        steps = list(app.db_rebuild(name))
    lines = steps or [_("No mark of {mapping} was found on the servers.").format(mapping=name)]
    session.show(sentences_page(lines, good=bool(steps)), document("steps", mapping=name, steps=steps))
    return 0
