"""The support bundle: one file to hand to who helps."""

from __future__ import annotations

import io
import os
import tarfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.speech import command, option
from syncd.errors import UsageError
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.render.documents import document
from syncd.render.page import Block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.app import App
    from syncd.cli.session import Session


@command(
    "support",
    more=mark(
        "Settings with secrets masked, versions, checks, runs and plans without what they change. Addresses "
        "of people become names that mean nothing; names of units and servers stay."
    ),
)
@option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=mark("The file to write; by default syncd-support-DATE.tar.gz here."),
)
@click.pass_obj
def support_command(session: Session, out: Path | None) -> int:
    """Collect, pack, say where."""
    from syncd.app.support import collected  # noqa: PLC0415 - `--help` must not wait for the application

    session.start_logs()
    file = out or Path(f"syncd-support-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz")
    parts = collected(session.settings_file(), _pages)
    _write(file, parts)
    lines = (
        _("Written to {file}: {parts}.").format(file=file, parts=", ".join(sorted(parts))),
        _("Look at it before you send it: names of units and servers are in it."),
    )
    session.show((Block(lines=lines),), document("support", file=str(file), parts=sorted(parts)))
    return 0


def _pages(app: App) -> dict[str, str]:
    """What a daemon over these settings answers; nothing where there is none."""
    from syncd.health import HEALTH  # noqa: PLC0415 - as above
    from syncd.health_asking import pages  # noqa: PLC0415 - as above

    return pages(app.settings.listen.health or HEALTH, str(app.settings.file.absolute()))


def _write(file: Path, parts: Mapping[str, str]) -> None:
    """A gzipped tar that its owner alone can read; raises `UsageError` rather than replace a file."""
    try:
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(
            _("{file} cannot be written: {reason}.").format(file=file, reason=error.strerror),
            _("Name another file with --out."),
        ) from error
    try:
        with os.fdopen(made, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as bundle:
            for name, text in sorted(parts.items()):
                data = text.encode()
                member = tarfile.TarInfo(f"syncd-support/{name}")
                member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
                bundle.addfile(member, io.BytesIO(data))
    except OSError:
        with suppress(OSError):
            file.unlink()
        raise
