"""Which files make up a mapping: one file, or a folder read in path order.

Symlinks are followed while their real path stays inside the mapping's root (a mounted ConfigMap is
made of them); nothing else outside the root is ever opened.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its name as the administrator would type it, its path within the mapping, its bytes."""

    name: str
    relative: str
    raw: bytes


def read_files(path: str | Path, max_bytes: int) -> tuple[list[SourceFile], list[Problem]]:
    """Every file of the mapping at `path`, in path order, and what could not be read."""
    given = Path(path)
    try:
        is_folder = stat.S_ISDIR(given.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        hint = "look at `from` of this mapping, and at the mount"
        return [], [Problem(Place(str(path)), "", "there is no such file or folder", hint)]
    except OSError as error:
        return [], [_unreadable(str(path), error)]
    if is_folder:
        return _read_folder(given, str(path).rstrip("/") or "/", max_bytes)
    return _read_all([(given, str(path), given.name)], max_bytes)


def _read_folder(folder: Path, shown: str, max_bytes: int) -> tuple[list[SourceFile], list[Problem]]:
    root = Path(os.path.realpath(folder))
    found: list[tuple[Path, str, str]] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for path in _candidates(folder, shown, frozenset({str(root)})):
        if isinstance(path, Problem):
            problems.append(path)
            continue
        relative = path.relative_to(folder).as_posix()
        name = f"{shown}/{relative}"
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(root):
            hint = f"symlinks may only lead to what is inside {shown}"
            problems.append(Problem(Place(name), "", "this symlink leads out of the mapping's folder", hint))
        elif str(real) not in seen:
            seen.add(str(real))
            found.append((path, name, relative))
    if not found and not problems:
        problems.append(Problem(Place(shown), "", "there is no *.yaml file in this folder", "is it mounted?"))
    files, unread = _read_all(sorted(found, key=lambda one: one[2].split("/")), max_bytes)
    return files, problems + unread


def _candidates(folder: Path, shown: str, above: frozenset[str]) -> Iterator[Path | Problem]:
    """The YAML files below `folder`, and what could not be walked: it may hold some, and is never left out.

    `above` are the real folders on the way, so that no loop is walked.
    """
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda one: one.name)
    except OSError as error:
        yield _unreadable(shown, error)
        return
    for entry in entries:
        if not entry.name.startswith((".", "_")):
            yield from _below(entry, f"{shown}/{entry.name}", above)


def _below(entry: os.DirEntry[str], shown: str, above: frozenset[str]) -> Iterator[Path | Problem]:
    path = Path(entry.path)
    try:
        is_folder = entry.is_dir()
        if entry.is_symlink() and not entry.name.endswith(SUFFIXES):
            path.stat()  # one that leads nowhere may have led to a folder
    except OSError as error:
        yield _unreadable(shown, error)
        return
    if not is_folder and not entry.name.endswith(SUFFIXES):
        return
    if (name := shown.encode(errors="replace").decode()) != shown:
        yield Problem(Place(name), "", "this name is not written in UTF-8", "rename it")
    elif not is_folder:
        yield path
    elif (real := os.path.realpath(path)) not in above:
        yield from _candidates(path, shown, above | {real})


def _unreadable(shown: str, error: OSError) -> Problem:
    hint = "look at owner and mode, at symlinks, and whether it is still there"
    return Problem(Place(shown), "", f"cannot be read: {error.strerror}", hint)


def _read_all(found: list[tuple[Path, str, str]], max_bytes: int) -> tuple[list[SourceFile], list[Problem]]:
    files: list[SourceFile] = []
    problems: list[Problem] = []
    for path, name, relative in found:
        read = _read_one(path, name, max_bytes)
        if isinstance(read, Problem):
            problems.append(read)
        else:
            files.append(SourceFile(name, relative, read))
    return files, problems


def _read_one(path: Path, name: str, max_bytes: int) -> bytes | Problem:
    try:
        if not path.is_file():
            return Problem(Place(name), "", "this is no regular file", "is the symlink broken?")
        with path.open("rb") as stream:
            raw = stream.read(max_bytes + 1)
    except OSError as error:
        return Problem(
            Place(name), "", f"cannot be read: {error.strerror}", "look at owner and mode of the file"
        )
    if len(raw) > max_bytes:
        hint = "split it: the files of one folder are merged"
        return Problem(Place(name), "", f"larger than {max_bytes} bytes", hint)
    return raw
