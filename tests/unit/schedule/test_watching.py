"""Files that changed are noticed whatever becomes of folders meanwhile."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise

import pytest
import watchfiles

from syncd import watch as watch_module
from syncd.watch import Watch, prints

PATIENCE = 30  # seconds; a bound for a busy machine, not a figure


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "acme" / "teams").mkdir(parents=True)
    (tmp_path / "acme" / "acme.yaml").write_text("syncd: 1\n")
    return tmp_path / "acme"


@pytest.fixture
def failing(monkeypatch):
    """Lets the first looks of the kernel fail; says when each began."""
    real, begun = watchfiles.watch, []

    def first(count, error):
        def watch(*folders, **options):
            begun.append(time.monotonic())
            if len(begun) <= count:
                raise error
            return real(*folders, **options)

        monkeypatch.setattr(watchfiles, "watch", watch)
        return begun

    return first


def watching(wanted, act) -> set[str]:
    """What is found changed while `act` goes on until something is."""
    found, seen = set(), threading.Event()

    def changed(names):
        found.update(names)
        seen.set()

    watch = Watch(wanted, changed)
    watch.start()
    try:
        limit = time.monotonic() + PATIENCE
        while not seen.wait(0.2):
            assert time.monotonic() < limit, "nothing was noticed"
            act()
    finally:
        watch.stop()
    return found


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(2, "No such file"), PermissionError(13, "Permission denied"), RuntimeError("a fault")],
)
def test_a_look_that_fails_is_made_again(folder, failing, monkeypatch, error):
    monkeypatch.setattr(watch_module, "AGAIN", 0.05)
    begun = failing(3, error)

    def change():
        if len(begun) > 3:
            (folder / "acme.yaml").write_text(f"syncd: 1\n# {time.monotonic()}\n")

    assert watching(lambda: {"acme": [folder]}, change) == {"acme"}


def test_where_no_folder_can_be_watched_files_are_looked_at_now_and_then(folder, failing, monkeypatch):
    monkeypatch.setattr(watch_module, "AGAIN", 0.2)
    begun = failing(1_000_000, OSError(28, "OS file watch limit reached"))

    def change():
        if len(begun) > 3:
            (folder / "acme.yaml").write_text(f"syncd: 1\n# {time.monotonic()}\n")

    assert watching(lambda: {"acme": [folder]}, change) == {"acme"}
    assert all(later - earlier > 0.19 for earlier, later in pairwise(begun))


def test_a_folder_that_goes_while_it_is_walked_ends_nothing(folder, monkeypatch):
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("teams"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (folder / "self").symlink_to("self")
    first = prints({"acme": [folder]})
    (folder / "acme.yaml").write_text("syncd: 1\n\n")
    assert prints({"acme": [folder]}) != first


def test_a_folder_that_may_be_listed_again_is_a_change(folder, monkeypatch):
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("teams"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    whole = prints({"acme": [folder]})
    with monkeypatch.context() as changed:
        changed.setattr(os, "scandir", scandir)
        assert prints({"acme": [folder]}) != whole
    assert prints({"acme": [folder]}) == whole


def test_a_file_that_is_named_counts_whatever_it_is_called(folder):
    roster = folder / "teams" / "staff.txt"
    roster.write_text("email\n")
    first = prints({"acme": [folder, roster]})
    roster.write_text("email\nann@acme.example\n")
    assert prints({"acme": [folder, roster]}) != first


def test_names_that_are_not_utf_8_end_nothing(folder):
    file = folder / os.fsdecode(b"caf\xe9.yaml")
    file.write_text("syncd: 1\n")
    first = prints({"acme": [folder]})
    file.unlink()
    assert prints({"acme": [folder]}) != first


def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe.yaml")
    assert prints({"acme": [folder]}) == prints({"acme": [folder]})
