"""Work on files alone: init, validate, schema, fmt. No server and no store is touched."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.session import chosen, mapping_document, validate_paths, write_integrity_key
from syncd.cli.speech import command, option
from syncd.errors import MappingInvalid, UsageError
from syncd.locale import gettext as _
from syncd.locale import mark, ngettext, number
from syncd.locale.told import told
from syncd.mapping.edit import formatted
from syncd.mapping.files import SUFFIXES
from syncd.mapping.json_schema import json_schema
from syncd.mapping.suggestions import meant_or_listed
from syncd.mapping.tree import parse
from syncd.render.documents import document
from syncd.render.page import Block, Tone
from syncd.render.tables import sentences_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.app_types import ValidationResult
    from syncd.cli.session import Session

INVALID = 65
SCHEMA_FILE = "syncd.schema.json"

SETTINGS = """\
# Where servers and mappings are. Every value can also come from SYNCD_A__B; secrets only from
# {{file: NAME}} or {{env: NAME}}.
environment: test
store: sqlite:syncd.db
integrity_key: {{file: syncd.key}}
connections:
  sso:
    type: keycloak
    url: https://sso.example.org
    realm: {name}
    client_id: syncd
    client_secret: {{file: keycloak-secret}}
mappings:
  {name}:
    from: mappings/{name}.yaml
    may: {{connections: [sso], realm: {name}, groups: [/{name}]}}
"""

MAPPING = """\
# yaml-language-server: $schema=./{schema}
syncd: 1
organizations:
  {name}:
    title: {name}
    members:
      admin: [ann@{name}.example]
    teams:
      platform:
        members:
          member: [bob@{name}.example]
"""


@command("init", more=mark("Nothing that exists is overwritten."))
@option("--name", default="acme", show_default=True, help=mark("The mapping's id."))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.pass_obj
def init_command(session: Session, folder: Path, name: str) -> int:
    """Write the first files."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name):
        raise UsageError(
            _('"{name}" cannot be a mapping\'s id.').format(name=name),
            _("Use a to z, 0 to 9 and -, beginning with a letter."),
        )
    files = {
        folder / "syncd.yaml": SETTINGS.format(name=name),
        folder / "mappings" / f"{name}.yaml": MAPPING.format(name=name, schema=SCHEMA_FILE),
        folder / "mappings" / SCHEMA_FILE: json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n",
    }
    key = folder / "syncd.key"
    there = [str(file) for file in (*files, key) if file.exists()]
    if there:
        raise UsageError(_("Already here: {files}; nothing was written.").format(files=", ".join(there)))
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    write_integrity_key(key)
    written = [str(file) for file in (*files, key)]
    lines = [_("{file} written").format(file=file) for file in written]
    lines.append(_("Next: edit the two .yaml files, then syncd validate, syncd bootstrap, syncd plan"))
    session.show(sentences_page(lines), document("files", written=written))
    return 0


@command(
    "validate",
    more=mark("PATH is a file or folder, or the name of a mapping in syncd.yaml; by default all of those."),
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.pass_obj
def validate_command(session: Session, paths: tuple[str, ...]) -> int:
    """Check; exit code 65 where something is wrong, 0 with warnings only."""
    result = _checked(session, paths)
    counts = {name: getattr(result, name) for name in ("mappings", "units", "people", "assignments")}
    whole = document("validation", valid=result.valid, problems=result.problems, notes=result.notes, **counts)
    for note in result.notes:
        session.note(told(note))
    if result.problems:
        session.show_problems(result.problems, result.sources, whole)
    else:
        session.show((Block(lines=(_summary(result),), tone=Tone.GOOD),), whole, [])
    return 0 if result.valid else INVALID


@command("schema", more=mark("With a MAPPING, the schema knows its kinds and roles."))
@click.argument("mapping", required=False)
@click.pass_obj
def schema_command(session: Session, mapping: str | None) -> int:
    """Print the schema; it is JSON whatever `--output` says."""
    if mapping is None:
        schema = json_schema()
    else:
        with session.app() as app:
            schema = json_schema(mapping_document(app, *chosen(app, mapping)))
    click.echo(json.dumps(schema, ensure_ascii=False, indent=2))
    return 0


@command(
    "fmt", more=mark("With --check, nothing is written and the exit code is 1 where a file would change.")
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@option("--check", is_flag=True, help=mark("Only say which files would change."))
@option("--diff", is_flag=True, help=mark("Show the changes."))
@click.pass_obj
def fmt_command(session: Session, paths: tuple[Path, ...], *, check: bool, diff: bool) -> int:
    """Format files in place."""
    changed: list[str] = []
    shown: list[str] = []
    for file in _yaml_files(paths):
        before = _text(file)
        after = formatted(before, str(file))
        if after == before:
            continue
        changed.append(str(file))
        shown += difflib.unified_diff(
            before.splitlines(), after.splitlines(), str(file), str(file), lineterm=""
        )
        if not check:
            file.write_text(after, "utf-8")
    text = _("{file} would change") if check else _("{file} formatted")
    lines = tuple(text.format(file=file) for file in changed) or (_("Nothing to format."),)
    session.show(
        (Block(lines=lines, literal=tuple(shown) if diff else ()),), document("formatted", files=changed)
    )
    return 1 if check and changed else 0


def _checked(session: Session, paths: tuple[str, ...]) -> ValidationResult:
    files = [Path(path) for path in paths if Path(path).exists()]
    if paths and len(files) == len(paths):
        return validate_paths(files)
    with session.app() as app:
        for path in paths:
            if path not in app.mapping_names():
                raise UsageError(
                    _('"{path}" is no file, no folder and no mapping.').format(path=path),
                    meant_or_listed(path, list(app.mapping_names())),
                )
        names = list(paths)
        if len(names) > 1:
            raise UsageError(_("Name one mapping, or files and folders."))
        return app.validate(names[0] if names else None)


def _summary(result: ValidationResult) -> str:
    parts = (
        ngettext("{n} mapping", "{n} mappings", result.mappings).format(n=number(result.mappings)),
        ngettext("{n} unit", "{n} units", result.units).format(n=number(result.units)),
        ngettext("{n} person", "{n} people", result.people).format(n=number(result.people)),
        ngettext("{n} assignment", "{n} assignments", result.assignments).format(
            n=number(result.assignments)
        ),
    )
    return _("Valid: {counts}").format(counts=", ".join(parts))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise MappingInvalid(parse(file.read_bytes(), str(file))[1]) from None


def _yaml_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        else:
            yield path
