"""Mappings from text: `compiled(text)` answers a `Compiled`, `refused(text)` the messages."""

from datetime import date

import pytest

from syncd.errors import MappingInvalid
from syncd.mapping.compile import compile_mapping
from syncd.mapping.read import load
from syncd.sources.csv import CsvFormat, parse_csv

TODAY = date(2026, 11, 24)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files and load them; places show the names relative to the folder."""
    monkeypatch.chdir(tmp_path)

    def write_files(files):
        if isinstance(files, str):
            (tmp_path / "acme.yaml").write_text(files, encoding="utf-8")
            return load("acme.yaml", name="acme")
        for name, text in files.items():
            path = tmp_path / "acme" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load("acme", name="acme")

    return write_files


@pytest.fixture
def compiled(write):
    def compile_files(files, rosters=None, today=TODAY, groups=None):
        return compile_mapping(write(files), rosters or {}, today, groups)

    return compile_files


@pytest.fixture
def refused(compiled):
    def refusal(files, rosters=None, today=TODAY, groups=None):
        with pytest.raises(MappingInvalid) as caught:
            compiled(files, rosters, today, groups)
        return [str(problem) for problem in caught.value.problems]

    return refusal


@pytest.fixture
def united(write):
    """Compile files with acts; `rosters` by name as CSV text."""

    def compile_both(files, *acts, rosters=None, today=TODAY):
        read = {
            name: parse_csv(name, text.encode(), CsvFormat(), f"{name}.csv")
            for name, text in (rosters or {}).items()
        }
        return compile_mapping(write(files), read, today, acts=acts)

    return compile_both
