"""What is written from the program is what the program is now, in a form that its readers take."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import BashComplete

from deploy import reference
from syncd.cli import root
from syncd.cli.tree import COMMANDS
from syncd.health import HEALTH
from syncd.settings import Settings, load
from tests.unit.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = reference.written()
MANUALS = [REPOSITORY / "deploy" / "man" / language / "syncd.1" for language in ("en", "fr")]


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_what_is_written_from_the_program_is_up_to_date(file: Path) -> None:
    assert file.exists(), "write it: python -m deploy.reference"
    assert file.read_text("utf-8") == WRITTEN[file], "write it anew: python -m deploy.reference"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_command_and_every_key_of_settings_is_in_the_reference(language: str) -> None:
    page = WRITTEN[REPOSITORY / "docs" / language / "reference.md"]
    assert [name for name in COMMANDS if f"### syncd {name}\n" not in page] == []
    keys = [field.alias or name for name, field in Settings.model_fields.items()]
    assert [key for key in keys if f"| `{key}" not in page] == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_reference_gives_the_defaults_that_are_in_force_where_syncd_yaml_says_nothing(
    language: str, tmp_path: Path
) -> None:
    page = WRITTEN[REPOSITORY / "docs" / language / "reference.md"]
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    shown = {row[0].strip("`"): row[-1] for row in cells}
    assert shown["listen.health"] == f"`{HEALTH}`"
    file = tmp_path / "syncd.yaml"
    file.write_text("environment: production\n", "utf-8")
    settings = load(file, environ={})
    store = shown["store.url"].strip("`").removeprefix("sqlite:")
    assert settings.store_url().get_secret_value() == f"sqlite://{tmp_path / store}"
    file.write_text("environment: test\n", "utf-8")
    modes = [settings.mail_rule.mode, "production", "mail.only", load(file, environ={}).mail_rule.mode]
    assert re.findall("`(.+?)`", shown["mail.mode"]) == modes
    file.write_text("environment: test\nmail: {only: [acme.example]}\n", "utf-8")
    assert load(file, environ={}).mail_rule.mode == modes[0]


@pytest.mark.parametrize("manual", MANUALS, ids=lambda file: file.parent.name)
def test_groff_finds_no_fault_with_the_man_page(manual: Path) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", manual],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_understands_the_completion() -> None:
    script = REPOSITORY / "deploy" / "shell" / "syncd.bash"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("typed", "incomplete", "offered"),
    [([], "sta", ["status"]), (["plans"], "", ["approve", "list", "refuse", "show"]),
     (["plan"], "--detail", ["--detailed-exitcode"])],
    ids=["command", "below it", "option"],
)  # fmt: skip
def test_a_word_is_completed(typed: list[str], incomplete: str, offered: list[str]) -> None:
    completion = BashComplete(root, {}, "syncd", "_SYNCD_COMPLETE")
    assert [one.value for one in completion.get_completions(typed, incomplete)] == offered
