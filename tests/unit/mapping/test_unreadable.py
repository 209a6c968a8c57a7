"""What cannot be read or walked is named with its place, never left out: a smaller mapping removes people."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from syncd.errors import MappingInvalid
from syncd.mapping import load
from syncd.mapping.read import digest_of

HINT = "look at owner and mode, at symlinks, and whether it is still there"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A mapping `acme` of two files, one of them in a folder `teams`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme" / "teams").mkdir(parents=True)
    (tmp_path / "acme" / "acme.yaml").write_text("syncd: 1\norganizations: {acme: {}}\n")
    (tmp_path / "acme" / "teams" / "dsi.yaml").write_text("syncd: 1\npeople: {}\n")
    return tmp_path / "acme"


@pytest.fixture
def before_listing(monkeypatch):
    """Has something happen just before a folder of that name is listed."""
    listed = os.scandir

    def happens(name, act):
        def scandir(path):
            if isinstance(path, str | Path) and Path(path).name == name:
                act()
            return listed(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return happens


def refusal(path="acme") -> str:
    with pytest.raises(MappingInvalid) as raised:
        load(path, name="acme")
    return str(raised.value)


def test_a_symlink_onto_itself_is_a_problem_at_its_place(folder):
    (folder / "self").symlink_to("self")
    assert refusal() == f"acme/self:1:1: cannot be read: Too many levels of symbolic links; {HINT}"


def test_a_symlink_whose_folder_is_gone_is_a_problem(folder):
    (folder / "teams").rename(folder / "old")
    (folder / "teams").symlink_to("old")
    load("acme", name="acme")
    shutil.rmtree(folder / "old")
    assert refusal() == f"acme/teams:1:1: cannot be read: No such file or directory; {HINT}"


def test_a_mapping_that_is_a_symlink_onto_itself_is_a_problem(folder):
    (folder.parent / "self").symlink_to("self")
    assert refusal("self") == f"self:1:1: cannot be read: Too many levels of symbolic links; {HINT}"


def test_a_folder_that_goes_while_the_mapping_is_walked_is_a_problem(folder, before_listing):
    before_listing("teams", lambda: shutil.rmtree(folder / "teams"))
    assert refusal() == f"acme/teams:1:1: cannot be read: No such file or directory; {HINT}"


@pytest.mark.parametrize(("name", "place"), [("acme", "acme"), ("teams", "acme/teams")])
def test_a_folder_that_may_not_be_listed_is_a_problem(folder, before_listing, name, place):
    def refuse():
        raise PermissionError(13, "Permission denied")

    before_listing(name, refuse)
    assert refusal() == f"{place}:1:1: cannot be read: Permission denied; {HINT}"


def test_a_file_that_goes_between_listing_and_reading_is_a_problem(folder, before_listing):
    before_listing("teams", (folder / "acme.yaml").unlink)
    assert refusal() == "acme/acme.yaml:1:1: this is no regular file; is the symlink broken?"


def test_a_name_that_is_not_utf_8_is_a_problem(folder):
    (folder / os.fsdecode(b"caf\xe9.yaml")).write_text("syncd: 1\n")
    assert refusal() == "acme/caf?.yaml:1:1: this name is not written in UTF-8; rename it"


def test_files_that_would_be_refused_have_the_digest_of_none(folder):
    whole = digest_of("acme")
    assert whole == load("acme", name="acme").digest
    (folder / "self").symlink_to("self")
    assert digest_of("acme") == ""
