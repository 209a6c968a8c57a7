"""The newest compilation of each mapping that runs in parts, for all the runs of its parts in one daemon.

Each of them needs the same whole mapping, compiled and checked. To do that for each of a hundred root units
takes longer than their runs. A mapping that runs whole is not kept: it would cost memory between its runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from syncd.acts import Grant
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.members_select import GroupRef
    from syncd.roster import Roster
    from syncd.settings import Settings


@dataclass(frozen=True, slots=True)
class Given:
    """All that a compilation depends on; `digest` is that of the files."""

    digest: str
    rosters: Mapping[str, Roster]
    groups: Mapping[GroupRef, Roster]
    today: date
    acts: Sequence[Grant]


class Compilations:
    """By mapping; threads that need the same one at once may work it out twice, to the same end."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Settings, Given, Compiled]] = {}

    def of(
        self, settings: Settings, mapping: str, given: Given, work_out: Callable[[], Compiled]
    ) -> Compiled:
        """What is known of the mapping where nothing differs, else what `work_out` makes of it."""
        known = self._known.get(mapping)
        if known is not None and known[0] is settings and known[1] == given:
            return known[2]
        compiled = work_out()
        self._known[mapping] = (settings, given, compiled)
        return compiled

    def forget(self, mapping: str) -> None:
        """It does not run in parts, or no more."""
        self._known.pop(mapping, None)
