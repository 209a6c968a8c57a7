"""The command line, killed by SIGKILL where a notice is in the store and about to leave."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from syncd.app import people
from syncd.cli import root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.acts import Notice
    from syncd.settings import Settings
    from syncd.store import Store


def die_of(_settings: Settings, _store: Store, waiting: Sequence[Notice]) -> None:
    if waiting:
        os.kill(os.getpid(), signal.SIGKILL)


people.let_leave = die_of
root.main(sys.argv[1:], prog_name="syncd")
