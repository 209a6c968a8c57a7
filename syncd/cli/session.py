"""One call of the command: where its settings are, and how results, errors and logs leave it."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.errors import MappingInvalid, Problem, SyncdError, UsageError
from syncd.locale import gettext as _
from syncd.locale.told import told
from syncd.render.documents import FORMAT_VERSION, error_document
from syncd.render.markdown import markdown_page
from syncd.render.page import Block, Page, Tone
from syncd.render.problems import github_annotations, github_command, problems_page
from syncd.render.text import colour_wanted, console, print_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from syncd.app import App
    from syncd.app_types import BootstrapRequest, ValidationResult
    from syncd.mapping.schema import MappingDocument

SEVERITY = (0, 2, 3, 75, 65, 64, 4, 1)  # which exit code speaks for several mappings: the last of these


def open_app(config: Path | None) -> App:
    """The application over `config`; imported here because its libraries take a second to load."""
    from syncd.app import App  # noqa: PLC0415 - `--help` and completion must not wait for SQLAlchemy and python-keycloak

    return App.open(config)


def validate_paths(paths: Sequence[Path]) -> ValidationResult:
    """Check mappings without any settings; imported here for the reason above."""
    from syncd.app import validate_paths as check  # noqa: PLC0415 - as above

    return check(paths)


def mapping_document(app: App, name: str) -> MappingDocument:
    """What a mapping says, as one value; imported here for the reason above."""
    from syncd.app.files import load_mapping  # noqa: PLC0415 - as above

    return load_mapping(app.settings, name).document


def run_bootstrap(config: Path, request: BootstrapRequest) -> list[str]:
    """Set servers up, before there need be settings; imported here for the reason above."""
    from syncd.app import bootstrap  # noqa: PLC0415 - as above

    return bootstrap(config, request)


def write_integrity_key(file: Path) -> None:
    """A new key for what grants something; imported here for the reason above."""
    from syncd.app.setup import write_integrity_key as write  # noqa: PLC0415 - as above

    write(file)


def start_traces() -> None:
    """Send spans where the environment asks for them; imported here for the reason above."""
    from syncd import tracing  # noqa: PLC0415 - as above

    tracing.start()


@dataclass(slots=True)
class Session:
    """The global options and the way out; results go to stdout, everything else to stderr."""

    config: Path | None = None
    output: str = "text"
    colour: str = "auto"
    quiet: bool = False
    documents: list[dict[str, Any]] = field(default_factory=list)
    shown: bool = False

    @contextmanager
    def app(self) -> Iterator[App]:
        """The application, closed again at the end."""
        self.start_logs()
        start_traces()
        application = open_app(self.settings_file())
        try:
            yield application
        finally:
            application.close()

    def settings_file(self) -> Path | None:
        """The operator's file: the option, SYNCD_CONFIG, or None for ./syncd.yaml."""
        named = os.environ.get("SYNCD_CONFIG")
        return self.config or (Path(named) if named else None)

    def start_logs(self) -> None:
        """Send logs to stderr: JSON, or lines for people on a terminal."""
        from syncd.cli.logs import start  # noqa: PLC0415 - structlog is of no use to `--help`

        start(sys.stderr, quiet=self.quiet, colour=colour_wanted(self.colour, sys.stderr, os.environ))

    def show(self, page: Page, document: dict[str, Any], annotations: Sequence[str] | None = None) -> None:
        """Show a result in the form asked for; `annotations` are its workflow commands for GitHub."""
        match self.output:
            case "json":
                self.documents.append(document)
            case "github" if annotations is not None:
                self._write("".join(f"{line}\n" for line in annotations))
            case "markdown":
                self._write(("\n" if self.shown else "") + markdown_page(page))
            case _:
                self._write("\n" if self.shown else "")
                print_page(
                    page, console(sys.stdout, colour=colour_wanted(self.colour, sys.stdout, os.environ))
                )
        self.shown = True

    def show_problems(
        self, problems: Sequence[Problem], sources: Mapping[str, Sequence[str]], document: dict[str, Any]
    ) -> None:
        """Show problems with their lines, or as annotations."""
        self.show(problems_page(problems, sources), document, github_annotations(problems))

    def refuse(self, error: SyncdError) -> int:
        """Say what went wrong, and answer with its exit code."""
        if self.output == "json":
            self.documents.append(error_document(error))
        elif isinstance(error, MappingInvalid):
            self._refuse_input(error)
        elif self.output == "github":
            self._write(github_command("error", str(error)) + "\n")
        else:
            self.complain(told(error.message), told(error.remedy))
        return error.exit_code

    def complain(self, message: str, remedy: str = "") -> None:
        """An error on stderr: what, then what to do."""
        lines = (remedy,) if remedy else ()
        self._to_stderr(
            (Block(_("Error: {message}").format(message=message), lines=lines, tone=Tone.DANGER),)
        )

    def note(self, message: str) -> None:
        """A remark on stderr; `--quiet` drops it."""
        if not self.quiet:
            self._to_stderr((Block(lines=(message,)),))

    def finish(self) -> None:
        """Write the JSON: one document, or one list of them."""
        if not self.documents:
            return
        several = {"format_version": FORMAT_VERSION, "kind": "list", "items": self.documents}
        whole = self.documents[0] if len(self.documents) == 1 else several
        self._write(json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
        self.documents = []

    def for_each(self, names: Iterable[str], act: Callable[[str], int]) -> int:
        """Run `act` for each mapping; one that fails does not keep the others from their turn."""
        codes = [0]
        for name in names:
            try:
                codes.append(act(name))
            except SyncdError as error:
                codes.append(self.refuse(error))
        return max(codes, key=lambda code: SEVERITY.index(code) if code in SEVERITY else len(SEVERITY))

    def interactive(self) -> bool:
        """Whether a person can answer a question here."""
        return sys.stdin.isatty()

    def _refuse_input(self, error: MappingInvalid) -> None:
        if self.output == "github":
            self._write("".join(f"{line}\n" for line in github_annotations(error.problems)))
        else:
            self._to_stderr(problems_page(error.problems, _lines_of(error)))

    def _to_stderr(self, page: Page) -> None:
        sys.stdout.flush()
        print_page(page, console(sys.stderr, colour=colour_wanted(self.colour, sys.stderr, os.environ)))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)


def chosen(app: App, name: str | None) -> list[str]:
    """The mapping named, or all of them; raises UsageError where there is none of that name."""
    from syncd.mapping.suggestions import meant_or_listed  # noqa: PLC0415 - keeps `--help` free of the mapping package

    names = list(app.mapping_names())
    if name is None and names:
        return names
    if name is None:
        raise UsageError(_("syncd.yaml names no mapping."), _("Add one under `mappings:`."))
    if name not in names:
        raise UsageError(
            _('There is no mapping "{name}" in syncd.yaml.').format(name=name), meant_or_listed(name, names)
        )
    return [name]


def only_one(app: App, name: str | None) -> str:
    """The mapping named, or the only one; raises UsageError where it is not clear which is meant."""
    names = chosen(app, name)
    if len(names) > 1:
        listed = ", ".join(names)
        raise UsageError(
            _("Which mapping? There are: {names}.").format(names=listed),
            _("Name one, with --mapping where the command has that option."),
        )
    return names[0]


def caller() -> str:
    """Who types, as the audit trail keeps it: `user@host`, the one behind sudo where there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container's uid without a name (KeyError before Python 3.13)
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _lines_of(error: MappingInvalid) -> dict[str, list[str]]:
    """The lines of the files at fault, for carets; none of syncd.yaml, where a secret may stand."""
    lines = {}
    for name in {problem.place.file for problem in error.problems} if error.quotable else ():
        with suppress(OSError):  # no excerpt, then: the message names the place all the same
            lines[name] = Path(name).read_text("utf-8", errors="replace").splitlines()
    return lines
