"""Files that changed: folders are watched, contents are compared.

A ConfigMap changes by a swapped link and an editor by a new file of the old name, so what the kernel says
is only a hint to look; and where it says nothing, as on NFS, a look every half minute finds it too.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import watchfiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

QUIET = 400  # milliseconds without a further event before files are looked at: an editor writes several times
LOOK = 30_000  # milliseconds after which they are looked at without any event
AGAIN = 5.0  # seconds after which they are looked at again where a look failed
READ = frozenset({".yaml", ".yml", ".csv", ".json"})  # of what a folder holds; a file named is read as it is

log = structlog.get_logger("syncd.watch")

Prints = dict[str, str]


def prints(wanted: Mapping[str, Iterable[Path]]) -> Prints:
    """For each name the SHA-256 over the contents of its files and of what its folders hold."""
    return {name: _print(paths) for name, paths in wanted.items()}


def _print(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for file in sorted({file for path in paths for file in _files(path)}):
        content = _content(file)
        whole.update(os.fsencode(file) + f"\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def _content(file: Path) -> bytes:
    """What it holds; of what cannot be read the reason, so that it is a change when that goes away."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except OSError as error:
        return str(error).encode(errors="replace")


def _files(path: Path) -> list[Path]:
    """A file itself; of a folder what it holds, and each folder in it that cannot be listed."""
    found: list[Path] = []

    def unlisted(error: OSError) -> None:
        found.append(Path(error.filename))

    for folder, _, names in os.walk(path, onerror=unlisted):
        found.extend(file for name in names if (file := Path(folder, name)).suffix.lower() in READ)
    return found


class Watch:
    """A thread that calls `changed` with the names whose files are no longer what they were."""

    def __init__(
        self, wanted: Callable[[], Mapping[str, Iterable[Path]]], changed: Callable[[set[str]], None]
    ) -> None:
        self._wanted = wanted
        self._changed = changed
        self._ended = threading.Event()
        self._seen = prints(wanted())
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        """A folder may go at any moment, even between being listed and being watched."""
        told = ""
        while not self._ended.is_set():
            try:
                self._look()
                told = ""
            except OSError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning(
                        "files are not watched, but looked at all the same", problem=told, every=AGAIN
                    )
                self._ended.wait(AGAIN)
            except Exception:
                log.exception("fault in watching files, tried again")
                self._ended.wait(AGAIN)

    def _look(self) -> None:
        """Until other folders are to be watched."""
        self._compare()
        folders = _folders(self._wanted())
        for _ in watchfiles.watch(
            *folders,
            watch_filter=None,
            debounce=QUIET,
            step=QUIET // 4,
            rust_timeout=LOOK,
            yield_on_timeout=True,
            stop_event=self._ended,
            recursive=False,
            raise_interrupt=False,
        ):
            self._compare()
            if _folders(self._wanted()) != folders:
                return

    def _compare(self) -> None:
        now = prints(self._wanted())
        changed = {name for name in now.keys() | self._seen.keys() if now.get(name) != self._seen.get(name)}
        self._seen = now
        if changed:
            self._changed(changed)


def _folders(wanted: Mapping[str, Iterable[Path]]) -> list[Path]:
    """Every folder to watch: those named, all below them, and those that hold a file named."""
    found: set[Path] = set()
    for path in (path for paths in wanted.values() for path in paths):
        found |= {Path(folder) for folder, _, _ in os.walk(path)}
        found.add(path.parent)  # a swapped link or a renamed folder is an event of what holds it
    return sorted(folder for folder in found if os.access(folder, os.R_OK))
