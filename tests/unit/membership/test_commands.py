"""What the command line refuses before anything is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from syncd.cli import root

if TYPE_CHECKING:
    from pathlib import Path

SEND = ("invitations", "send", "/acme")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (SEND, "Nobody is named"),
        ((*SEND, "a@x.example", "b@x.example", "--given-name", "Ann"), "Names are of one person"),
        ((*SEND, "a@x.example", "--with", "/acme"), "is not UNIT:ROLE"),
        (("members", "add", "/acme"), "PERSON"),
        (("members", "add", "/acme", "ann", "--until", "tomorrow"), "tomorrow"),
    ],
)
def test_a_command_that_makes_no_sense_is_a_usage_error(words: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(root, ["--lang", "en", *words])
    assert done.exit_code == 64
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mail,role\na@x.example,staff\n", ":1: columns are"),
        ("email,role\na@x.example,staff\nnobody,staff\n", ":3: "),
        ("", ":1: columns are"),
    ],
)
def test_a_file_of_people_that_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text, "utf-8")
    done = CliRunner().invoke(root, ["--lang", "en", *SEND, "--csv", str(file)])
    assert done.exit_code == 64
    assert said in done.stderr.replace("\n", " ")
