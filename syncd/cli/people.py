"""Acts on people: members, accounts, ownership. Policy decides, the store keeps, the run makes it true."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.progress import reading
from syncd.cli.session import Session, caller, only_one
from syncd.cli.speech import group, option, subcommand
from syncd.errors import Busy, Refused, TargetError, UsageError
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.render.documents import document, report_document
from syncd.render.people import account_page, members_page, verdicts_page
from syncd.render.tables import report_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from syncd.app import App
    from syncd.membership import Office
    from syncd.membership_words import Verdict

members_command = group("members")(lambda: None)
accounts_command = group("accounts")(lambda: None)
ownership_command = group("ownership")(lambda: None)

in_mapping = option("--mapping", metavar="NAME", help=mark("The mapping, where there are several."))
on_behalf = option(
    "--as", "actor", metavar="PERSON", default="", help=mark("On whose behalf; by default as operator.")
)
role_option = option("--role", default="", help=mark("The role, where it is not clear."))
last_day = option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help=mark("The last day on which it is held: YYYY-MM-DD.")
)


def act(session: Session, mapping: str | None, actor: str, do: Callable[[Office], Sequence[Verdict]]) -> int:
    """Do it, show what became of it for each person, and the run that made it true."""
    with session.app() as app:
        name = only_one(app, mapping)
        try:
            verdicts, report = app.act(name, actor, caller(), do)
        except Busy as busy:
            return session.refuse(busy)
    parts: dict[str, Any] = {"mapping": name, "as": actor, "verdicts": verdicts}
    if report is not None:
        parts["report"] = report_document(report)
    session.show(verdicts_page(verdicts), document("act", **parts))
    if report is not None and session.output != "json":
        session.show(report_page(report), report_document(report))
    refused = any(not verdict.allowed for verdict in verdicts)
    return Refused.exit_code if refused else report.exit_code if report is not None else 0


def one(session: Session, mapping: str | None, actor: str, do: Callable[[Office], Verdict]) -> int:
    """Do something to one person."""
    return act(session, mapping, actor, lambda office: [do(office)])


def look(session: Session, app: App, mapping: str | None, actor: str = "") -> Office:
    """The office, to read from only."""
    name = only_one(app, mapping)
    with reading(session, name):
        return app.office(name, actor, caller())


def unread(session: Session, office: Office) -> int:
    """Say why states are unknown, where they are; the exit code."""
    return session.refuse(TargetError(office.accounts_in, office.unseen)) if office.unseen else 0


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment is not None else None


# --- members ------------------------------------------------------------------------------------------


@subcommand(members_command, "list", mark("Who holds which role where, and how their accounts stand."))
@click.argument("mapping", required=False)
@option("--unit", default="", metavar="UNIT", help=mark("Only this unit and those below it."))
@click.pass_obj
def members_list(session: Session, mapping: str | None, unit: str) -> int:
    """List."""
    from syncd.app.people_lists import member_lines  # noqa: PLC0415 - `--help` must not wait for the application

    with session.app() as app:
        office = look(session, app, mapping)
        rows = member_lines(office, office.unit(unit) if unit else ())
    session.show(members_page(rows), document("members", members=rows))
    return unread(session, office)


@subcommand(
    members_command, "export", mark("The members of a unit as CSV, in the columns that the model names.")
)
@click.argument("unit")
@in_mapping
@click.pass_obj
def members_export(session: Session, unit: str, mapping: str | None) -> int:
    """Export, in UTF-8 whatever the terminal speaks."""
    from syncd.app.people_lists import members_csv  # noqa: PLC0415 - as above

    with session.app() as app:
        office = look(session, app, mapping)
        text = members_csv(office, office.unit(unit))
    sys.stdout.buffer.write(text.encode("utf-8"))
    return 0


@subcommand(members_command, "add", mark("Give a role to people who have an account."))
@click.argument("unit")
@click.argument("person", nargs=-1, required=True)
@role_option
@last_day
@option("--reason", default="", help=mark("Why; kept with the membership."))
@in_mapping
@on_behalf
@click.pass_obj
def members_add(  # noqa: PLR0913, PLR0917 - click passes each option
    session: Session, unit: str, person: tuple[str, ...], role: str, until: datetime | None,
    reason: str, mapping: str | None, actor: str,
) -> int:  # fmt: skip
    """Add."""
    return act(
        session, mapping, actor,
        lambda office: [office.add(who, office.unit(unit), role, _day(until), reason) for who in person],
    )  # fmt: skip


@subcommand(members_command, "change", mark("Give somebody another role in place of the one held."))
@click.argument("unit")
@click.argument("person")
@click.argument("new_role")
@option("--from", "role", default="", help=mark("The role that is held, where there are several."))
@in_mapping
@on_behalf
@click.pass_obj
def members_change(  # noqa: PLR0913, PLR0917 - as above
    session: Session, unit: str, person: str, new_role: str, role: str, mapping: str | None, actor: str
) -> int:
    """Change."""
    return one(
        session, mapping, actor, lambda office: office.change(person, office.unit(unit), new_role, role)
    )


@subcommand(members_command, "remove", mark("Take a role away, in a unit and below it; the account stays."))
@click.argument("unit")
@click.argument("person", nargs=-1, required=True)
@role_option
@in_mapping
@on_behalf
@click.pass_obj
def members_remove(  # noqa: PLR0913, PLR0917 - as above
    session: Session, unit: str, person: tuple[str, ...], role: str, mapping: str | None, actor: str
) -> int:
    """Remove."""
    return act(
        session, mapping, actor,
        lambda office: [office.remove(who, office.unit(unit), role) for who in person],
    )  # fmt: skip


# --- accounts -----------------------------------------------------------------------------------------


@subcommand(accounts_command, "show", mark("One account: how it stands, who owns it, and what it holds."))
@click.argument("person")
@in_mapping
@click.pass_obj
def accounts_show(session: Session, person: str, mapping: str | None) -> int:
    """Show."""
    from syncd.app.people_lists import account_view  # noqa: PLC0415 - as above

    with session.app() as app:
        office = look(session, app, mapping)
        view = account_view(office, person)
    session.show(account_page(view), document("account", account=view))
    return unread(session, office)


@subcommand(accounts_command, "disable", mark("End login and sessions now; memberships stay."))
@click.argument("person")
@option("--reason", default="", help=mark("Why; kept in the audit trail."))
@in_mapping
@on_behalf
@click.pass_obj
def accounts_disable(session: Session, person: str, reason: str, mapping: str | None, actor: str) -> int:
    """Disable."""
    return one(session, mapping, actor, lambda office: office.disable(person, reason))


@subcommand(accounts_command, "enable", mark("Let somebody in again, with exactly what they had."))
@click.argument("person")
@in_mapping
@on_behalf
@click.pass_obj
def accounts_enable(session: Session, person: str, mapping: str | None, actor: str) -> int:
    """Enable."""
    return one(session, mapping, actor, lambda office: office.enable(person))


@subcommand(accounts_command, "edit", mark("Write names, language and attributes of an account syncd made."))
@click.argument("person")
@option("--given-name", help=mark("The given name."))
@option("--family-name", help=mark("The family name."))
@option("--locale", help=mark("The language of mails, such as fr."))
@option(
    "--attribute", multiple=True, metavar="NAME=VALUE",
    help=mark("An attribute; the same name again adds a value, NAME= takes it away."),
)  # fmt: skip
@in_mapping
@on_behalf
@click.pass_obj
def accounts_edit(  # noqa: PLR0913, PLR0917 - as above
    session: Session, person: str, given_name: str | None, family_name: str | None, locale: str | None,
    attribute: tuple[str, ...], mapping: str | None, actor: str,
) -> int:  # fmt: skip
    """Edit."""
    named = {"given_name": given_name, "family_name": family_name, "locale": locale}
    profile = {name: (value,) for name, value in named.items() if value is not None}
    for text in attribute:
        name, is_said, value = text.partition("=")
        if not (name and is_said):
            raise UsageError(_('"{text}" is no attribute.').format(text=text), _("Write NAME=VALUE."))
        key = f"attribute:{name}"
        profile[key] = (*profile.get(key, ()), *filter(None, [value]))
    if not profile:
        raise UsageError(
            _("Nothing is to be written."), _("Say --given-name, --family-name, --locale or --attribute.")
        )
    return one(session, mapping, actor, lambda office: office.edit(person, profile))


@subcommand(accounts_command, "delete", mark("Delete an account, where the model allows it."))
@click.argument("person")
@option("--heir", default="", metavar="PERSON", help=mark("Who gets what the account shared."))
@in_mapping
@on_behalf
@click.pass_obj
def accounts_delete(session: Session, person: str, heir: str, mapping: str | None, actor: str) -> int:
    """Delete."""
    return one(session, mapping, actor, lambda office: office.delete(person, heir))


@subcommand(accounts_command, "erase", mark("Forget the names of somebody who holds nothing any more."))
@click.argument("person")
@in_mapping
@on_behalf
@click.pass_obj
def accounts_erase(session: Session, person: str, mapping: str | None, actor: str) -> int:
    """Erase."""
    return one(session, mapping, actor, lambda office: office.erase(person))


# --- ownership ----------------------------------------------------------------------------------------


@subcommand(ownership_command, "transfer", mark("Hand the role with one holder over to an heir."))
@click.argument("unit")
@click.argument("heir")
@in_mapping
@on_behalf
@click.pass_obj
def ownership_transfer(session: Session, unit: str, heir: str, mapping: str | None, actor: str) -> int:
    """Transfer."""
    from syncd.membership_transfer import start  # noqa: PLC0415 - as above

    return one(session, mapping, actor, lambda office: start(office, office.unit(unit), heir))


@subcommand(ownership_command, "confirm", mark("Do what was asked for, with the code of the mail."))
@click.argument("code")
@in_mapping
@click.pass_obj
def ownership_confirm(session: Session, code: str, mapping: str | None) -> int:
    """Confirm; whoever has the code may. A dash reads it from stdin, where no process list shows it."""
    from syncd.membership_transfer import confirm  # noqa: PLC0415 - as above

    given = sys.stdin.readline().strip() if code == "-" else code
    return one(session, mapping, "", lambda office: confirm(office, given))
