"""Commands and options whose help is translated when it is shown, not when the module is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import click.core
import click.decorators
import click.exceptions
import click.formatting
import click.parser
import click.termui
import click.types
import click.utils

from syncd import locale
from syncd.cli.session import Session
from syncd.cli.tree import COMMANDS
from syncd.locale import gettext as _
from syncd.locale import mark

if TYPE_CHECKING:
    from collections.abc import Callable


LINE = 200  # characters of a help that a list shows: all of it


class Command(click.Command):
    """A command with translated help."""

    def format_help_text(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help in the language in force."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_(self.help) if self.help else "")

    def get_short_help_str(self, limit: int = 45) -> str:
        """The help as one line of a list."""
        return _(self.help)[: max(limit, LINE)] if self.help else ""

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what more there is to say."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write_text(_(self.epilog))


class Group(Command, click.Group):
    """A group whose commands are of our kind."""

    command_class = Command


class Option(click.Option):
    """An option with translated help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The two columns of the help, in the language in force."""
        record = super().get_help_record(ctx)
        if record is None or not self.help:
            return record
        return record[0], record[1].replace(self.help, _(self.help), 1)


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """`click.option` with translated help."""
    return click.option(*names, cls=Option, **attributes)


def command(name: str, *, more: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """A top-level command: its help is its line in the tree, `more` is the paragraph below the options."""
    make = click.command(name, cls=Command, help=COMMANDS[name][1], epilog=more)
    return lambda function: make(everywhere(function, hidden=True))


def group(name: str) -> Callable[[Callable[..., Any]], Group]:
    """A top-level command that has commands of its own."""
    make = click.group(name, cls=Group, help=COMMANDS[name][1])
    return lambda function: make(everywhere(function, hidden=True))


def subcommand(parent: Group, name: str, words: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command below `parent`, with its help."""
    make = parent.command(name, cls=Command, help=words)
    return lambda function: make(everywhere(function, hidden=True))


def everywhere(function: Callable[..., Any], *, hidden: bool) -> Callable[..., Any]:
    """The global options; every command takes them too, because that is where people type them."""
    for add in reversed((*_globals(hidden=hidden), _help())):
        function = add(function)
    return function


def speak_click() -> None:
    """Let click's own messages be looked up in our catalogue: it binds gettext, which only looks on disk."""
    for module in (
        click.core, click.decorators, click.exceptions, click.formatting,
        click.parser, click.termui, click.types, click.utils,
    ):  # fmt: skip
        for name, ours in (("_", locale.gettext), ("ngettext", locale.ngettext)):
            if hasattr(module, name):
                setattr(module, name, ours)


def _globals(*, hidden: bool) -> tuple[Callable[[Any], Any], ...]:
    shared: dict[str, Any] = {"expose_value": False, "hidden": hidden}
    return (
        option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            callback=_set("config"),
            help=mark("The operator's file; else SYNCD_CONFIG, else ./syncd.yaml."),
            **shared,
        ),
        option(
            "--output",
            type=click.Choice(["text", "json", "markdown", "github"]),
            callback=_set("output"),
            is_eager=True,
            help=mark("How results are written; text by default."),
            **shared,
        ),
        option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            callback=_set("colour"),
            is_eager=True,
            help=mark("When to colour; auto honours NO_COLOR and FORCE_COLOR."),
            **shared,
        ),
        option(
            "--quiet",
            "-q",
            is_flag=True,
            default=None,
            callback=_set("quiet"),
            help=mark("No progress, and of the logs only warnings and errors."),
            **shared,
        ),
        option(
            "--lang",
            type=click.Choice(list(locale.LANGUAGES)),
            callback=_speak,
            is_eager=True,
            help=mark("The language of messages; else that of the environment."),
            **shared,
        ),
    )


def _help() -> Callable[[Any], Any]:
    """`--help` in our words: click's own are fixed before `--lang` is read."""
    return click.help_option("--help", cls=Option, help=mark("Show this message and exit."))


def _set(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def remember(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            setattr(ctx.ensure_object(Session), attribute, value)

    return remember


def _speak(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        locale.use(value)
