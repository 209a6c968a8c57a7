"""Every refusal of a mapping, word for word: `refusals.txt` holds the files and what is said of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.errors import MappingInvalid
from syncd.mapping import load

TABLE = Path(__file__).with_name("refusals.txt")


def cases(table: Path) -> dict[str, tuple[dict[str, str], str]]:
    """Each case of a table: its files by name, and the expected text."""
    found = {}
    for block in table.read_text("utf-8").split("### ")[1:]:
        title, _, rest = block.partition("\n")
        given, _, expected = rest.partition("\n=== \n")
        parts = re.split(r"^--- (\S+)\n", given, flags=re.MULTILINE)[1:]
        files = {name: text.rstrip("\n") + "\n" for name, text in zip(parts[::2], parts[1::2], strict=True)}
        found[title] = (files, expected.strip())
    return found


def told(files: dict[str, str], folder: Path) -> str:
    """What is said of the files in the folder, one problem a line."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    with pytest.raises(MappingInvalid) as raised:
        load(folder.name, name="acme")
    return str(raised.value)


CASES = cases(TABLE)


@pytest.mark.parametrize("title", CASES)
def test_the_refusal_says_what_is_wrong_where_and_what_to_do(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, expected = CASES[title]
    assert told(files, tmp_path / "acme") == expected
