"""Runs by themselves: the daemon, when mappings are due, and letting them wait."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from syncd.cli.session import caller, chosen, start_traces
from syncd.cli.speech import command, group, option, subcommand
from syncd.errors import UsageError
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.render.documents import document
from syncd.render.page import Block
from syncd.render.schedule import schedule_page
from syncd.store.database import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncd.cli.session import Session
    from syncd.daemon import Daemon
    from syncd.errand import Office
    from syncd.errand_queue import Answering
    from syncd.settings import Settings


@command(
    "daemon",
    more=mark(
        "Ends at SIGTERM, after what is being written. SIGHUP reads the files again, SIGUSR1 runs every "
        "mapping now. Exit code 75 where a daemon works on the store already."
    ),
)
@option(
    "--role",
    type=click.Choice(["all", "scheduler", "worker", "web", "public"]),
    default="all",
    show_default=True,
    help=mark("What this process does; on one machine it does all but the public page."),
)
@click.pass_obj
def daemon_command(session: Session, role: str) -> int:
    """Serve until told to end."""
    session.start_logs()
    start_traces()
    config = session.settings_file()
    if role in ("web", "public"):
        from syncd.web import serving  # noqa: PLC0415 - FastAPI is of no use to other commands

        return serving.serve_public(config) if role == "public" else serving.serve_api(config, _office)
    from syncd.daemon import Daemon, Role  # noqa: PLC0415 - nor are APScheduler and Prometheus

    daemon = Daemon(config, Role(role))
    with ExitStack() as stack:
        if role != "scheduler" and _is_shared(daemon.settings):
            stack.enter_context(_answering(daemon, config))
        if role == "all" and daemon.settings.listen.web is not None:
            from syncd.web.serving import beside  # noqa: PLC0415 - as above

            stack.enter_context(beside(config))
        return daemon.serve()


def _is_shared(settings: Settings) -> bool:
    return parse(settings.store_url().get_secret_value()).get_backend_name() != "sqlite"


@contextmanager
def _office(settings: Settings) -> Iterator[Office | None]:
    """On PostgreSQL the workers, to which requests are handed over; on SQLite there are none."""
    if not _is_shared(settings):
        yield None
        return
    from syncd.errand_queue import Sender  # noqa: PLC0415 - procrastinate is of no use on one machine

    with Sender(settings.store_url().get_secret_value()) as sender:
        yield sender


def _answering(daemon: Daemon, config: Path | None) -> Answering:
    """Answers what front desks hand over, beside the runs."""
    from syncd.errand_queue import Answering  # noqa: PLC0415 - as above
    from syncd.health import ErrandMetrics  # noqa: PLC0415 - as above
    from syncd.web.serving import office  # noqa: PLC0415 - as above

    answer = ErrandMetrics(daemon.metrics.registry, "worker").timed(office(config))
    return Answering(daemon.settings.store_url().get_secret_value(), answer)


schedule_command = group("schedule")(lambda: None)


@subcommand(schedule_command, "show", mark("When each mapping is due next."))
@click.argument("mapping", required=False)
@click.pass_obj
def schedule_show(session: Session, mapping: str | None) -> int:
    """The next five times of each mapping."""
    with session.app() as app:
        timing = app.timing()
        rows = [timing.due(name, datetime.now(UTC)) for name in chosen(app, mapping)]
    session.show(schedule_page(rows), document("schedule", mappings=rows))
    return 0


@command("pause", more=mark("What is typed by hand, such as `syncd apply`, runs all the same."))
@click.argument("mapping")
@option(
    "--until",
    metavar="TIME",
    help=mark("When it goes on by itself: 2026-12-24T18:00 in local time, or with an offset."),
)
@click.pass_obj
def pause_command(session: Session, mapping: str, until: str | None) -> int:
    """Keep scheduled runs of a mapping from writing."""
    with session.app() as app:
        (name,) = chosen(app, mapping)
        pause = app.timing().pause(name, caller(), _moment(until) if until else None)
    text = (
        _("{mapping} is paused until {until}.").format(mapping=name, until=f"{pause.until:%Y-%m-%d %H:%M %Z}")
        if pause.until
        else _("{mapping} is paused; `syncd resume {mapping}` ends it.").format(mapping=name)
    )
    session.show(
        (Block(lines=(text,)),),
        document("pause", mapping=name, until=pause.until.isoformat() if pause.until else ""),
    )
    return 0


@command("resume")
@click.argument("mapping")
@click.pass_obj
def resume_command(session: Session, mapping: str) -> int:
    """Let scheduled runs go on."""
    with session.app() as app:
        (name,) = chosen(app, mapping)
        was = app.timing().resume(name, caller())
    text = (
        _("{mapping} runs again, at once where a daemon is at work.")
        if was
        else _("{mapping} was not paused.")
    )
    session.show(
        (Block(lines=(text.format(mapping=name),)),), document("resume", mapping=name, was_paused=was)
    )
    return 0


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            _('"{text}" is no time.').format(text=text), _("For example 2026-12-24T18:00, in local time.")
        ) from error
