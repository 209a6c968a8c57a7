"""The documentation is true: its examples are valid, its commands exist, its links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
from datetime import date
from typing import TYPE_CHECKING

import click
import pytest

from syncd.cli import root
from syncd.locale import told
from syncd.mapping import load, outputs
from syncd.mapping.compile import compile_mapping
from syncd.mapping.schema import KindModel, MappingDocument, Policy, RoleModel, RosterModel, UnitModel
from syncd.mapping.schema_outputs import KeycloakOutput, LdapOutput
from syncd.settings import Settings
from syncd.settings import load as load_settings
from tests.unit.docs.pages import PAGES, PAIRS, REPOSITORY, anchors, blocks, commands, headings, links

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.docs.pages import Block

TODAY = date(2027, 1, 1)
VALUES = {"--output": "json", "--lang": "en", "--color": "never", "--limit": "20", "--format": "csv"}
NAMED = re.compile(r"# (?P<folder>[\w-]+)/(?P<file>[\w/-]+\.yaml)\n(?=syncd: 1\n)")

EVERY_BLOCK = [block for page in PAGES for block in blocks(page)]
MAPPINGS = [block for block in EVERY_BLOCK if block.text.startswith("syncd: 1\n")]
PARTS = [block for block in EVERY_BLOCK if NAMED.match(block.text)]
SETTINGS = [
    block for block in EVERY_BLOCK if block.language == "yaml" and block.text.startswith("environment:")
]
COMMANDS = sorted({(page, command) for page in PAGES for command in commands(page)})
ENGLISH = REPOSITORY / "docs" / "en"
FRENCH = REPOSITORY / "docs" / "fr"
TROUBLE = ENGLISH / "troubleshoot.md"
FILLED = re.compile(r"\{\d+\}|" + told.LATER.pattern)  # a value in a message of the catalogues


def short(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def compiles(path: Path, name: str) -> None:
    compiled = compile_mapping(load(path, name=name), {}, TODAY)
    assert outputs.problems(compiled, "test") == []


@pytest.mark.parametrize("block", MAPPINGS, ids=str)
def test_a_mapping_in_the_documentation_is_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(block.text, "utf-8")
    compiles(file, "acme")


@pytest.mark.parametrize("page", sorted({block.page for block in PARTS}), ids=short)
def test_a_mapping_shown_in_several_files_is_valid_as_a_whole(page: Path, tmp_path: Path) -> None:
    folders = set()
    for block in PARTS:
        found = NAMED.match(block.text)
        if block.page == page and found:
            file = tmp_path / found["folder"] / found["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")
            folders.add(tmp_path / found["folder"])
    for folder in folders:
        compiles(folder, folder.name)


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_an_operators_file_in_the_documentation_is_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "syncd.yaml"
    file.write_text(block.text, "utf-8")
    assert load_settings(file, environ={}).mappings


def test_there_is_something_to_check() -> None:
    assert len(MAPPINGS) > 20
    assert len(PARTS) > 2
    assert len(SETTINGS) >= 2
    assert len(COMMANDS) > 40


@pytest.mark.parametrize(
    ("page", "line"), COMMANDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_in_the_documentation_exists_with_its_flags(page: Path, line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = root
    context = click.Context(root, info_name="syncd")
    while words and isinstance(command, click.Group):
        if words[0].startswith("-"):
            words = words[_taken(command, words) :]
            continue
        found = command.get_command(context, words[0])
        assert found is not None, f"{short(page)}: {line}: there is no command {words[0]}"
        command, words = found, words[1:]
    _check_words(command, words, f"{short(page)}: {line}")


def _taken(command: click.Command, words: list[str]) -> int:
    """How many words the option at the front takes."""
    option = _options(command).get(words[0].partition("=")[0])
    assert option is not None, f"{command.name} has no {words[0]}"
    return 1 if option.is_flag or "=" in words[0] else 2


def _options(command: click.Command) -> dict[str, click.Option]:
    return {
        name: parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
    }


def _check_words(command: click.Command, words: list[str], where: str) -> None:
    positional = 0
    while words:
        if words[0].startswith("-") and words[0] != "-":
            words = words[_taken(command, words) :]
        else:
            positional, words = positional + 1, words[1:]
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    most = sum(1000 if each.nargs == -1 else each.nargs for each in arguments)
    assert positional <= most, f"{where}: too many words"


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{short(page)} leads to {link}"
        if fragment:
            assert fragment in anchors(target), f"{short(page)} leads to {link}: {sorted(anchors(target))}"


@pytest.mark.parametrize(("english", "french"), PAIRS.items())
def test_both_languages_have_the_same_structure(english: str, french: str) -> None:
    ours, theirs = ENGLISH / f"{english}.md", FRENCH / f"{french}.md"
    assert [level for level, _ in headings(ours)] == [level for level, _ in headings(theirs)]
    assert [len(rows) for rows in tables(ours)] == [len(rows) for rows in tables(theirs)]


@pytest.mark.parametrize(("english", "french"), PAIRS.items())
def test_both_languages_show_the_same_examples(english: str, french: str) -> None:
    ours = [block.text for block in blocks(ENGLISH / f"{english}.md") if block.language == "yaml"]
    theirs = [block.text for block in blocks(FRENCH / f"{french}.md") if block.language == "yaml"]
    assert ours == theirs


def test_the_messages_that_are_explained_are_those_of_the_program() -> None:
    said = "\n".join(text for file in (REPOSITORY / "syncd").rglob("*.py") for text in literals(file))
    assert [part for symptom in symptoms(TROUBLE) for part in quoted(symptom) if part not in said] == []


def test_the_messages_that_are_explained_in_french_are_what_the_program_says_in_french() -> None:
    pairs = zip(symptoms(TROUBLE), symptoms(FRENCH / "depannage.md"), strict=True)
    wrong = [
        (english, french)
        for english, french in pairs
        if not any(all(part in said for part in quoted(french)) for said in said_in_french(quoted(english)))
    ]
    assert wrong == []


def quoted(symptom: str) -> list[str]:
    """The words of a symptom, without what is different each time."""
    return [part.strip() for part in symptom.split("…") if part.strip()]


def said_in_french(parts: list[str]) -> list[str]:
    """Every message with these English parts in French, or those that it is put together from, as one."""
    messages = [FILLED.sub("X", written).format() for written, _french in told._catalogue("fr")]
    whole = [told.told_in("fr", text) for text in messages if all(part in text for part in parts)]
    pieces = [text for text in messages if any(" " in part and part in text for part in parts)]
    return whole or [" ".join(told.told_in("fr", text) for text in pieces)]


def symptoms(page: Path) -> list[str]:
    """What stands in code style in the first column of each table, and in the second beside a reason."""
    rows = [row.strip("|").split("|") for table in tables(page) for row in table[2:]]
    cells = [row[0] for row in rows] + [row[1] for row in rows if "`" not in row[0]]
    quoted = [text for cell in cells for text in re.findall(r"`([^`]+)`", cell)]
    return [text for text in quoted if " " in text and not text.startswith(("policy.", "unknown:", "drift:"))]


def literals(file: Path) -> list[str]:
    """Every text that a module writes; what is filled in at run time is left out."""
    found = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
    return found


def tables(page: Path) -> list[list[str]]:
    """The rows of each table of a page."""
    found: list[list[str]] = []
    before = ""
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append(line)
        before = line
    return found


DOCUMENTED = {
    "mapping": (
        MappingDocument,
        KindModel,
        RoleModel,
        UnitModel,
        RosterModel,
        KeycloakOutput,
        LdapOutput,
        Policy,
    ),
    "operate": (Settings,),
}


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.parametrize("folder", [ENGLISH, FRENCH], ids=lambda folder: folder.name)
def test_every_key_is_documented(name: str, folder: Path) -> None:
    text = (folder / f"{name if folder is ENGLISH else PAIRS[name]}.md").read_text("utf-8")
    keys = {field.alias or key for model in DOCUMENTED[name] for key, field in model.model_fields.items()} - {
        "units"
    }
    assert sorted(key for key in keys if f"`{key}`" not in text and f"`{key}:" not in text) == []


@pytest.mark.parametrize("name", sorted(root.list_commands(click.Context(root))))
def test_every_command_is_documented(name: str) -> None:
    for page in (ENGLISH / "operate.md", FRENCH / "exploitation.md"):
        assert f"`syncd {name}" in page.read_text("utf-8"), f"{short(page)} does not mention syncd {name}"
