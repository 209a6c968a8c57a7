"""What the command line refuses before anything is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from syncd.cli import root
from syncd.cli.serve import _moment
from syncd.errors import UsageError

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
        ("email\nzoé@x.example\n", "is no table of text"),
        (f"email\n{'a' * 200_000}@x.example\n", "is no table of text"),
    ],
    ids=["columns", "address", "empty", "encoding", "length"],
)
def test_a_file_of_people_that_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text, "latin-1")
    done = CliRunner().invoke(root, ["--lang", "en", *SEND, "--csv", str(file)])
    assert done.exit_code == 64
    assert said in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("text", ["noon", "0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"])
def test_what_is_no_time_to_pause_until_is_said_so(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        _moment(text)
