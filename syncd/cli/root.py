"""The root of the command tree: commands loaded when called, every way out given its exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click

from syncd import locale
from syncd.cli.session import Session
from syncd.cli.speech import Group, everywhere, option, speak_click
from syncd.cli.tree import COMMANDS, SECTIONS
from syncd.errors import SyncdError, UsageError
from syncd.locale import gettext as _
from syncd.locale import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130


class Root(Group):
    """`syncd` itself."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command, in the order of the tree."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, its module imported now."""
        if name not in COMMANDS:
            return None
        module = import_module(f"syncd.cli.{COMMANDS[name][0]}")
        found: click.Command = getattr(module, f"{name}_command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with; a wrong one is met with the likely one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they are for, without importing one."""
        for title, names in SECTIONS:
            with formatter.section(_(title)):
                formatter.write_dl([(name, _(COMMANDS[name][1])) for name in names], col_max=12)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and leave with the exit code; in `standalone_mode` only, as in click."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        session = Session()
        locale.use(locale.from_environment(os.environ))
        speak_click()

        def run() -> Any:
            return super(Root, self).main(
                args, prog_name, complete_var, standalone_mode=False, obj=session, **extra
            )

        sys.exit(_leave(session, run))


def _leave(session: Session, run: Callable[[], Any]) -> int:
    """Run, write what is still to be written, and answer with the exit code."""
    try:
        code = _guarded(session, run)
        session.finish()
        sys.stdout.flush()
    except BrokenPipeError:  # `syncd plan | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _guarded(session: Session, run: Callable[[], Any]) -> int:
    try:
        answer = run()
    except SyncdError as error:
        return session.refuse(error)
    except click.UsageError as error:
        return _usage(session, error)
    except click.ClickException as error:
        return session.refuse(UsageError(error.format_message()))
    except click.Abort:
        session.complain(_("Interrupted; what was begun is looked at again by the next run."))
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last guard: a fault of ours still ends in words and a code
        return _fault(session, error)
    return answer if isinstance(answer, int) else 0


def _usage(session: Session, error: click.UsageError) -> int:
    if session.output == "json":
        return session.refuse(UsageError(error.format_message()))
    error.show()
    return UsageError.exit_code


def _fault(session: Session, error: Exception) -> int:
    import structlog  # noqa: PLC0415 - only a fault needs it this early

    session.start_logs()
    structlog.get_logger("syncd").error("fault", exc_info=error)
    text = f"{type(error).__name__}: {error}"
    return session.refuse(
        SyncdError(
            _("syncd itself is at fault ({text}).").format(text=text),
            _(
                "The log above has the details; please report it. "
                "What was not confirmed is looked at again by the next run."
            ),
        )
    )


def _with_globals(function: Callable[..., Any]) -> Callable[..., Any]:
    return everywhere(function, hidden=False)


@click.group(
    "syncd",
    cls=Root,
    help=mark("Keep Keycloak and LDAP in agreement with the YAML that says who belongs where."),
)
@_with_globals
@option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    help=mark("Show the version and leave."),
    callback=lambda ctx, _parameter, value: _show_version(ctx) if value else None,
)
def root() -> None:
    """Take the global options; they are kept by their callbacks."""


def _show_version(ctx: click.Context) -> None:
    try:
        number = version("syncd")
    except PackageNotFoundError:  # run from a checkout
        number = _("(not installed)")
    click.echo(f"syncd {number}")
    ctx.exit()
