"""How people come in: invitations, requests to join, links."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.people import act, in_mapping, look, on_behalf, one, role_option
from syncd.cli.speech import group, option, subcommand
from syncd.errors import UsageError
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.render.documents import document
from syncd.render.people import lines_page

if TYPE_CHECKING:
    from syncd.cli.session import Session
    from syncd.membership import Office
    from syncd.membership_words import Asked, Verdict

invitations_command = group("invitations")(lambda: None)
joins_command = group("joins")(lambda: None)
links_command = group("links")(lambda: None)

COLUMNS = {"email", "role", "username", "given_name", "family_name", "locale"}
ATTRIBUTE = "attributes."

# --- invitations --------------------------------------------------------------------------------------


@subcommand(invitations_command, "list", mark("Invitations, how they stand and when they expire."))
@click.argument("mapping", required=False)
@option("--all", "everything", is_flag=True, help=mark("Those that are over, too."))
@click.pass_obj
def invitations_list(session: Session, mapping: str | None, *, everything: bool) -> int:
    """List."""
    from syncd.app.people_lists import invitation_lines  # noqa: PLC0415 - `--help` must not wait for the application

    with session.app() as app:
        rows = invitation_lines(look(session, app, mapping), everything=everything)
    session.show(lines_page(rows, _("No invitation is open.")), document("invitations", invitations=rows))
    return 0


@subcommand(invitations_command, "send", mark("Invite people into a unit, each with one mail."))
@click.argument("unit")
@click.argument("address", nargs=-1)
@option("--role", default="", help=mark("The role; by default the one of the model."))
@option("--given-name", default="", help=mark("The given name, of one person."))
@option("--family-name", default="", help=mark("The family name, of one person."))
@option("--username", default="", help=mark("The username, of one person; by default the address."))
@option("--locale", default="", help=mark("The language of the mail, such as en or fr."))
@option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help=mark("An attribute of the account to be made, such as phone=…"),
)
@option(
    "--with",
    "extra",
    multiple=True,
    metavar="UNIT:ROLE",
    help=mark("A further unit and role, given with it."),
)
@option(
    "--csv",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=mark(
        "A file with the columns email, role, username, given_name, family_name, locale, attributes.NAME; "
        "all but email may be left out."
    ),
)
@in_mapping
@on_behalf
@click.pass_obj
def invitations_send(  # noqa: PLR0913, PLR0917 - click passes each option
    session: Session, unit: str, address: tuple[str, ...], role: str, given_name: str, family_name: str,
    username: str, locale: str, attributes: tuple[str, ...], extra: tuple[str, ...], file: Path | None,
    mapping: str | None, actor: str,
) -> int:  # fmt: skip
    """Send."""
    from syncd.membership_words import Asked  # noqa: PLC0415 - as above

    if (given_name or family_name or username) and len(address) != 1:
        raise UsageError(_("Names are of one person."), _("Give one address, or a file with --csv."))
    common = Asked("", role, given_name, family_name, locale, username, _attributes(attributes))
    people = [replace(common, address=one) for one in address]
    people += _from_csv(file, common) if file is not None else []
    if not people:
        raise UsageError(_("Nobody is named."), _("Give an address, or a file with --csv."))
    further = [_unit_and_role(text) for text in extra]
    return act(
        session, mapping, actor,
        lambda office: office.invite(
            office.unit(unit), people, [(office.unit(at), name) for at, name in further]
        ),
    )  # fmt: skip


def _unit_and_role(text: str) -> tuple[str, str]:
    unit, separator, role = text.rpartition(":")
    if not (unit and separator and role):
        raise UsageError(
            _('"{text}" is not UNIT:ROLE.').format(text=text), _("For example /acme/team:member.")
        )
    return unit, role


def _attributes(given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Attributes of an account from NAME=VALUE; a name may come more than once."""
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not (name and separator):
            raise UsageError(_('"{text}" is not NAME=VALUE.').format(text=text), _("For example phone=1234."))
        found[name] = (*found.get(name, ()), value)
    return found


def _from_csv(file: Path, common: Asked) -> list[Asked]:
    """The people of a file with what is `common` to all; raises UsageError with the line that is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return _from_rows(file, csv.DictReader(io.StringIO(text, newline="")), common)
    except (UnicodeDecodeError, csv.Error) as error:
        wrong = _("{file} is no table of text: {reason}").format(file=file, reason=error)
        raise UsageError(wrong, _("Save it as CSV in UTF-8.")) from error


def _from_rows(file: Path, reader: csv.DictReader[str], common: Asked) -> list[Asked]:
    names = set(reader.fieldnames or ())
    unknown = [name for name in names - COLUMNS if not name.startswith(ATTRIBUTE)]
    if unknown or "email" not in names:
        wrong = _("{file}:1: columns are {columns}; email is needed").format(
            file=file, columns=", ".join([*sorted(COLUMNS), f"{ATTRIBUTE}NAME"])
        )
        raise UsageError(wrong)
    found = []
    for row in reader:
        if "@" not in (row["email"] or ""):
            raise UsageError(
                _('{file}:{line}: "{text}" is no address').format(
                    file=file, line=reader.line_num, text=row["email"]
                )
            )
        cells = {name: cell for name in names if (cell := (row[name] or "").strip())}
        found.append(_described(common, cells))
    return found


def _described(common: Asked, cells: dict[str, str]) -> Asked:
    """One row of a file: an empty cell leaves what is common to all."""
    own = {
        name.removeprefix(ATTRIBUTE): (text,) for name, text in cells.items() if name.startswith(ATTRIBUTE)
    }
    fields: dict[str, Any] = {name: text for name, text in cells.items() if name in COLUMNS - {"email"}}
    return replace(common, address=cells["email"], attributes={**common.attributes, **own}, **fields)


@subcommand(invitations_command, "resend", mark("Send an invitation again, with a new link and a new time."))
@click.argument("address", nargs=-1, required=True)
@in_mapping
@on_behalf
@click.pass_obj
def invitations_resend(session: Session, address: tuple[str, ...], mapping: str | None, actor: str) -> int:
    """Resend."""
    return act(session, mapping, actor, lambda office: [office.resend(who) for who in address])


@subcommand(invitations_command, "cancel", mark("End an invitation; its link is dead afterwards."))
@click.argument("address", nargs=-1, required=True)
@option("--reason", default="", help=mark("Why; kept with the invitation."))
@in_mapping
@on_behalf
@click.pass_obj
def invitations_cancel(
    session: Session, address: tuple[str, ...], reason: str, mapping: str | None, actor: str
) -> int:
    """Cancel."""
    return act(session, mapping, actor, lambda office: [office.cancel(who, reason) for who in address])


@subcommand(invitations_command, "decline", mark("Put on record that the invited person does not want it."))
@click.argument("address", nargs=-1, required=True)
@option("--reason", default="", help=mark("Why; kept with the invitation."))
@in_mapping
@on_behalf
@click.pass_obj
def invitations_decline(
    session: Session, address: tuple[str, ...], reason: str, mapping: str | None, actor: str
) -> int:
    """Decline."""
    return act(session, mapping, actor, lambda office: [office.decline(who, reason) for who in address])


# --- joining ------------------------------------------------------------------------------------------


@subcommand(joins_command, "list", mark("Who asks to join, and what was decided."))
@click.argument("mapping", required=False)
@click.pass_obj
def joins_list(session: Session, mapping: str | None) -> int:
    """List."""
    from syncd.app.people_lists import join_lines  # noqa: PLC0415 - as above

    with session.app() as app:
        rows = join_lines(look(session, app, mapping))
    session.show(lines_page(rows, _("Nobody asks to join.")), document("joins", joins=rows))
    return 0


@subcommand(joins_command, "request", mark("File the wish of somebody who registered to join a unit."))
@click.argument("unit")
@click.argument("address")
@in_mapping
@click.pass_obj
def joins_request(session: Session, unit: str, address: str, mapping: str | None) -> int:
    """Request."""
    from syncd.membership_joins import request  # noqa: PLC0415 - as above

    return one(session, mapping, "", lambda office: request(office, office.unit(unit), address))


@subcommand(joins_command, "approve", mark("Let somebody in who asked to join."))
@click.argument("unit")
@click.argument("person")
@role_option
@in_mapping
@on_behalf
@click.pass_obj
def joins_approve(  # noqa: PLR0913, PLR0917 - as above
    session: Session, unit: str, person: str, role: str, mapping: str | None, actor: str
) -> int:
    """Approve."""
    from syncd.membership_joins import approve  # noqa: PLC0415 - as above

    return one(session, mapping, actor, lambda office: approve(office, office.unit(unit), person, role))


@subcommand(joins_command, "refuse", mark("Do not let somebody in who asked to join."))
@click.argument("unit")
@click.argument("person")
@in_mapping
@on_behalf
@click.pass_obj
def joins_refuse(session: Session, unit: str, person: str, mapping: str | None, actor: str) -> int:
    """Refuse."""
    from syncd.membership_joins import refuse  # noqa: PLC0415 - as above

    return one(session, mapping, actor, lambda office: refuse(office, office.unit(unit), person))


# --- links --------------------------------------------------------------------------------------------


@subcommand(links_command, "list", mark("Links that may be redeemed, and those that no longer may."))
@click.argument("mapping", required=False)
@click.pass_obj
def links_list(session: Session, mapping: str | None) -> int:
    """List."""
    from syncd.app.people_lists import link_lines  # noqa: PLC0415 - as above

    with session.app() as app:
        rows = link_lines(look(session, app, mapping))
    session.show(lines_page(rows, _("There is no link.")), document("links", links=rows))
    return 0


@subcommand(links_command, "create", mark("Make a link to a role in a unit; it is shown once."))
@click.argument("unit")
@option("--role", default="", help=mark("The role; by default the one of the model."))
@option("--max-uses", type=click.IntRange(1), help=mark("How often it may be redeemed."))
@in_mapping
@on_behalf
@click.pass_obj
def links_create(  # noqa: PLR0913, PLR0917 - as above
    session: Session, unit: str, role: str, max_uses: int | None, mapping: str | None, actor: str
) -> int:
    """Create; what is shown is the address of the page, where people reach one."""
    from syncd.membership_links import address, create  # noqa: PLC0415 - as above

    def made(office: Office) -> Verdict:
        verdict = create(office, office.unit(unit), role, max_uses)
        shown = address(office.public_url, verdict.secret) if verdict.secret else ""
        return replace(verdict, secret=shown or verdict.secret)

    return one(session, mapping, actor, made)


@subcommand(links_command, "revoke", mark("Switch a link off."))
@click.argument("link")
@in_mapping
@on_behalf
@click.pass_obj
def links_revoke(session: Session, link: str, mapping: str | None, actor: str) -> int:
    """Revoke."""
    from syncd.membership_links import revoke  # noqa: PLC0415 - as above

    return one(session, mapping, actor, lambda office: revoke(office, link))
