"""What is written from the program itself: the reference pages, the man pages, the completion of shells.

    python -m deploy.reference          write them
    python -m deploy.reference --check  say which are not what the program is; exit 1

They are kept in the repository so that they can be read there and shipped without building anything.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from deploy.reference_words import CODES, WORDS
from syncd import locale
from syncd.cli import root
from syncd.cli.speech import speak_click
from syncd.cli.tree import SECTIONS
from syncd.health import HEALTH
from syncd.mapping.values import Duration
from syncd.settings import PRODUCTION, Settings, layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
PIPE, WIDTH = r"\|", 120
COMPLETIONS = {"syncd.bash": BashComplete, "_syncd": ZshComplete, "syncd.fish": FishComplete}


def main() -> int:
    """Write, or with --check compare."""
    check = "--check" in sys.argv[1:]
    stale = [file for file, text in written().items() if not file.exists() or file.read_text("utf-8") != text]
    for file in stale:
        print(f"{'stale' if check else 'written'}: {file.relative_to(REPOSITORY)}")
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(written()[file], "utf-8")
    return int(check and bool(stale))


def written() -> dict[Path, str]:
    """Every file that is written, with its text."""
    shell = REPOSITORY / "deploy" / "shell"
    files = {shell / name: _completion(kind) for name, kind in COMPLETIONS.items()}
    speak_click()
    before = locale.language()
    try:
        for language in locale.LANGUAGES:
            locale.use(language)
            commands = list(_commands(root, ()))
            files[REPOSITORY / "docs" / language / "reference.md"] = _page(commands, WORDS[language])
            files[REPOSITORY / "deploy" / "man" / language / "syncd.1"] = _manual(commands, WORDS[language])
    finally:
        locale.use(before)
    return files


# --- commands -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One command, in the language in force; `options` are (names, meaning)."""

    path: tuple[str, ...]
    usage: str
    help: str
    more: str
    options: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return " ".join(("syncd", *self.path))


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[Entry]:
    """The command and all below it, in the order of `--help`."""
    context = click.Context(command, info_name=" ".join(("syncd", *path)))
    records = (parameter.get_help_record(context) for parameter in command.params)
    shown = tuple(
        (names, meaning) for names, meaning in filter(None, records) if meaning and names != "--help"
    )
    usage = " ".join((context.info_name or "", *command.collect_usage_pieces(context)))
    help_, more = locale.gettext(command.help or ""), locale.gettext(command.epilog or "")
    yield Entry(path, usage, help_, more, shown)
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        if not path:
            names = [name for _title, section in SECTIONS for name in section]
        for name in names:
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, (*path, name))


# --- pages ----------------------------------------------------------------------------------------------


def _page(commands: list[Entry], words: dict[str, str]) -> str:
    whole, *entries = commands
    lines = [f"# {words['title']}", "", *_wrapped(words["intro"]), "", f"## {words['globals']}", ""]
    lines += _table((words["option"], words["meaning"]), _in_code(whole.options))
    lines += ["", f"## {words['commands']}", ""]
    for entry in entries:
        lines += [f"### {entry.name}", "", entry.help, "", "```text", entry.usage, "```", ""]
        if entry.options:
            lines += [*_table((words["option"], words["meaning"]), _in_code(entry.options)), ""]
        lines += [*_wrapped(entry.more), ""] if entry.more else []
    lines += [f"## {words['codes']}", ""]
    index = list(WORDS.values()).index(words)
    lines += _table((words["code"], words["meaning"]), [(code, text[index]) for code, text in CODES.items()])
    lines += ["", f"## {words['settings']}", "", *_wrapped(words["keys"]), ""]
    return "\n".join([*lines, *_table((words["key"], words["kind"], words["default"]), _keys(words)), ""])


def _in_code(options: tuple[tuple[str, str], ...]) -> list[tuple[str, ...]]:
    return [(f"`{names}`", meaning) for names, meaning in options]


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return f"| {' | '.join(cell.replace('|', PIPE) for cell in cells)} |"

    return [line(headings), f"|{'---|' * len(headings)}", *map(line, rows)]


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) >= WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [*lines, line]


# --- keys of syncd.yaml ----------------------------------------------------------------------------------


def _keys(words: dict[str, str]) -> list[tuple[str, ...]]:
    schema = Settings.model_json_schema()
    elsewhere = _defaults_from_elsewhere(words)
    return [
        (key, kind, elsewhere.get(key.strip("`"), default))
        for key, kind, default in _of_object(schema, schema["$defs"], "", words)
    ]


def _defaults_from_elsewhere(words: dict[str, str]) -> dict[str, str]:
    """By key what is in force where syncd.yaml says nothing, if the model of the settings does not say it."""
    delivered, held = (
        Settings.model_construct(environment=name).mail_rule.mode
        for name in (PRODUCTION, f"not {PRODUCTION}")
    )
    return {
        "store.url": _default(layers.defaults().data["store"]),
        "mail.mode": words["mail"].format(delivered=delivered, held=held, production=PRODUCTION),
        "listen.health": _default(HEALTH),
    }


def _of_object(
    one: Mapping[str, Any], known: Mapping[str, Any], prefix: str, words: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    for name, inner in one.get("properties", {}).items():
        needed = name in one.get("required", ())
        yield from _of_key(f"{prefix}{name}", inner, known, words, needed=needed)


def _of_key(
    key: str, one: Mapping[str, Any], known: Mapping[str, Any], words: dict[str, str], *, needed: bool
) -> Iterator[tuple[str, str, str]]:
    forms = [_followed(form, known) for form in one.get("anyOf", one.get("oneOf", [one]))]
    forms = [form for form in forms if form.get("type") != "null"]
    inner = next((form for form in forms if form.get("properties") and not _is_secret(form)), None)
    table = next((form["additionalProperties"] for form in forms if _is_table(form)), None)
    items = next((_followed(form["items"], known) for form in forms if "items" in form), {})
    if inner is None and table is None and not items.get("properties"):
        default = words["required"] if needed else _default(one.get("default"))
        yield f"`{key}`", words["or"].join(dict.fromkeys(_kind(form, words) for form in forms)), default
    if inner is not None:
        yield from _of_object(inner, known, f"{key}.", words)
    if items.get("properties"):
        yield from _of_object(items, known, f"{key}[].", words)
    if table is not None:
        choices = table.get("oneOf", [table])
        for choice in choices:
            found = _followed(choice, known)
            kind = found.get("properties", {}).get("type", {}).get("const", "")
            name = f"{key}.NAME" + (f" ({kind})" if kind else "")
            if found.get("properties"):
                yield from _of_object(found, known, f"{name}.", words)
            else:
                yield f"`{name}`", _kind(found, words), ""


def _followed(one: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    return known[one["$ref"].rpartition("/")[2]] if "$ref" in one else one


def _is_table(form: Mapping[str, Any]) -> bool:
    return isinstance(form.get("additionalProperties"), dict)


def _is_secret(form: Mapping[str, Any]) -> bool:
    return form.get("title") == "SecretReference"


def _kind(form: Mapping[str, Any], words: dict[str, str]) -> str:
    if _is_secret(form):
        return words["secret"]
    if "enum" in form or "const" in form:
        return ", ".join(f"`{value}`" for value in form.get("enum", [form.get("const")]))
    kind = form.get("type")
    if form.get("format") in ("path", "duration"):
        return words[form["format"]]
    if kind == "array":
        return words["list"]
    if kind in ("boolean", "integer"):
        return words[kind]
    return words["text"] if kind is not None and kind != "object" else words["any"]


def _default(value: Any) -> str:
    if value in (None, [], {}, ()):
        return ""
    if isinstance(value, dict):
        return f"`{Duration(**value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# --- the man page ----------------------------------------------------------------------------------------


def _manual(commands: list[Entry], words: dict[str, str]) -> str:
    whole, *entries = commands
    index = list(WORDS.values()).index(words)
    lines = [
        f'.TH SYNCD 1 "" "syncd {version("syncd")}" "syncd"',
        f".SH {words['name']}", rf"syncd \- {_roff(whole.help)}",
        f".SH {words['synopsis']}", _roff(whole.usage),
        f".SH {words['globals'].upper()}", *_options(whole),
        f".SH {words['commands'].upper()}",
    ]  # fmt: skip
    for entry in entries:
        lines += [f".SS {_roff(entry.name)}", _roff(entry.help), ".PP", rf"\fB{_roff(entry.usage)}\fR"]
        lines += [*_options(entry), *((".PP", _roff(entry.more)) if entry.more else ())]
    lines += [f".SH {words['codes'].upper()}"]
    for code, text in CODES.items():
        lines += [".TP", rf"\fB{code}\fR", _roff(text[index])]
    lines += [
        f".SH {words['environment']}", ".TP", r"\fBSYNCD_CONFIG\fR", _roff(words["config"]),
        ".TP", r"\fBOTEL_EXPORTER_OTLP_ENDPOINT\fR", _roff(words["otel"]),
        f".SH {words['files']}", r"\fI/etc/syncd/syncd.yaml\fR, \fI/var/lib/syncd\fR",
        ".PP", _roff(words["store"]),
        f".SH {words['see']}", _roff(words["pages"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _options(entry: Entry) -> Iterator[str]:
    for names, meaning in entry.options:
        yield from (".TP", rf"\fB{_roff(names)}\fR", _roff(meaning))


def _roff(text: str) -> str:
    plain = re.sub(r"[`*]", "", text).replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^(?=[.'])", r"\\&", plain, flags=re.MULTILINE)


def _completion(kind: Any) -> str:
    completion = kind(root, {}, "syncd", "_SYNCD_COMPLETE")
    text: str = completion.source_template % completion.source_vars()
    return text.strip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
