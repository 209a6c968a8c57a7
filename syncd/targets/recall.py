"""What a target may remember from one run to the next, and the words in which it says how it read.

Reading everything is what a run rests on; asking for what changed is a cheaper way to the same facts, and
only where nothing speaks against it. `Remembering` targets are asked to doubt before anything is taken
away: what a plan would remove is read afresh first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from syncd.model import Change, Key

Copy = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where one target's copy is kept between runs, and how old the last whole read may be.

    A copy is a small mark and the facts; `save` with None for facts keeps those that are there. `until` says
    how long a whole read made at some time will do.
    """

    load: Callable[[], Copy | None]
    save: Callable[[Mapping[str, Any], Mapping[str, Any] | None], None]
    until: Callable[[datetime], datetime]
    now: Callable[[], datetime]

    def is_due(self, read_whole_at: datetime) -> bool:
        """Whether everything is to be read again; a clock that went back is a reason too."""
        return not read_whole_at <= self.now() < self.until(read_whole_at)


@runtime_checkable
class Remembering(Protocol):
    """A target that may answer a read from what it knew before."""

    def doubt(self, changes: Iterable[Change], natives: Mapping[Key, str]) -> bool:
        """Let go of what is remembered, not read, about these; whether to read again.

        `natives` are those of the observation that the changes come from.
        """
