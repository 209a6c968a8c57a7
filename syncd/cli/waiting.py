"""What waits for a person, and the two acts that settle ownership: adopt and release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncd.cli.progress import reading
from syncd.cli.session import Session, caller, chosen, only_one
from syncd.cli.speech import command, option
from syncd.errors import Refused, UsageError
from syncd.locale import gettext as _
from syncd.locale import mark, ngettext, number
from syncd.render.documents import document
from syncd.render.people import locks_page
from syncd.render.tables import held_page, sentences_page

if TYPE_CHECKING:
    from syncd.app import App
    from syncd.app_types import HeldRow

mapping_argument = click.argument("mapping", required=False)


@command("held")
@mapping_argument
@click.pass_obj
def held_command(session: Session, mapping: str | None) -> int:
    """List what waits in one mapping or in all, and the accounts that are locked."""
    with session.app() as app:
        names = chosen(app, mapping)
        rows = [row for name in names for row in _held(session, app, name)]
        locks = [row for name in names for row in app.locks(name)]
    page = (*held_page(rows), *locks_page(locks))
    session.show(page, document("held", held=rows, locked=locks))
    return 0


def _held(session: Session, app: App, name: str) -> list[HeldRow]:
    with reading(session, name):
        return app.held(name)


@command(
    "adopt",
    more=mark("PATH is a unit or group path such as /acme/platform; all that waits at it or below is taken."),
)
@click.argument("path")
@option("--mapping", metavar="NAME", help=mark("The mapping that is to own it, where there are several."))
@click.pass_obj
def adopt_command(session: Session, path: str, mapping: str | None) -> int:
    """Take what exists at `path`."""
    with session.app() as app:
        name = only_one(app, mapping)
        taken = app.adopt(name, path, caller())
    lines = taken or [_("Nothing at {path} waits for adoption.").format(path=path)]
    session.show(
        sentences_page(lines, good=bool(taken)), document("adopted", mapping=name, path=path, adopted=taken)
    )
    return 0


@command("release")
@click.argument("mapping")
@option("--yes", is_flag=True, help=mark("Do not ask."))
@click.pass_obj
def release_command(session: Session, mapping: str, *, yes: bool) -> int:
    """Give up ownership, after a question."""
    if not (yes or session.interactive()):
        raise UsageError(_("There is nobody here to ask."), _("Use --yes."))
    with session.app() as app:
        name = only_one(app, mapping)
        if not yes:
            _ask(name)
        count = app.release(name, caller())
    text = ngettext("{n} object is no longer ours.", "{n} objects are no longer ours.", count).format(
        n=number(count)
    )
    session.show(sentences_page([text]), document("released", mapping=name, count=count))
    return 0


def _ask(mapping: str) -> None:
    question = _("Give up everything that {mapping} owns? Type its name").format(mapping=mapping)
    if click.prompt(question, default="", show_default=False, err=True).strip() != mapping:
        raise Refused(_("Not confirmed; nothing was changed."))
