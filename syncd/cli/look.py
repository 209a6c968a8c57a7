"""Looking without changing: status, explain, doctor, config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncd.cli.progress import reading
from syncd.cli.speech import command, group, subcommand
from syncd.locale import mark
from syncd.render.documents import document
from syncd.render.status import status_page
from syncd.render.tables import checks_page, explain_page, settings_page

if TYPE_CHECKING:
    from syncd.cli.session import Session


@command("status")
@click.pass_obj
def status_command(session: Session) -> int:
    """One line a mapping, and the daemon if there is one."""
    from syncd.health import HEALTH  # noqa: PLC0415 - the Prometheus client is of no use to the other commands here
    from syncd.health_asking import ask  # noqa: PLC0415 - as above

    with session.app() as app:
        rows = list(app.status())
        address = app.settings.listen.health or HEALTH
        daemon = ask(address, str(app.settings.file.absolute()))
    session.show(status_page(rows, daemon, address), document("status", mappings=rows, daemon=daemon))
    return 0


@command(
    "explain",
    more=mark("PERSON is an address or username as the mapping writes it; UNIT a path such as /acme/sre."),
)
@click.argument("person")
@click.argument("unit", required=False)
@click.pass_obj
def explain_command(session: Session, person: str, unit: str | None) -> int:
    """Why a person has what they have."""
    with session.app() as app, reading(session, person):
        rows = list(app.explain(person, unit))
    session.show(explain_page(person, rows), document("explanation", person=person, explanations=rows))
    return 0


@command("doctor", more=mark("Exit code 1 where a check fails; warnings leave it 0."))
@click.pass_obj
def doctor_command(session: Session) -> int:
    """Every check, with its remedy."""
    with session.app() as app, reading(session, "doctor"):
        checks = list(app.doctor())
    session.show(checks_page(checks), document("checks", checks=checks))
    return 1 if any(check.status == "fail" for check in checks) else 0


config_command = group("config")(lambda: None)


@subcommand(config_command, "show", mark("Every setting in force, where it comes from, secrets masked."))
@click.pass_obj
def config_show(session: Session) -> int:
    """Settings and their origins."""
    from syncd.settings import load  # noqa: PLC0415 - pydantic-settings is of no use to the other commands here

    origins = load(session.settings_file()).origins()
    settings = [{"key": key, "value": value, "from": where} for key, value, where in origins]
    session.show(settings_page(origins), document("settings", settings=settings))
    return 0
