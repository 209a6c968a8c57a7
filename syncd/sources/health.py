"""PURE: whether a fresh read of a source may be used, or its last good copy stands in.

Unknown is never empty: a source that fails, or suddenly says much less, keeps what it said before and
freezes the removals that depend on it, never more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.errors import MappingInvalid, Problem

if TYPE_CHECKING:
    from syncd.model import Roster

MORE = 3


def judge(fresh: Roster, last_good: Roster | None, read_at: str, source_shrink: int) -> Roster:
    """The roster to use: `fresh`, or `last_good` (read at `read_at`, as shown) with `frozen` set.

    `source_shrink` is a percentage: how much smaller than the last good copy a read may be. Raises
    `MappingInvalid` where the read is bad and there is no copy to stand in.
    """
    reason = _distrust(fresh, last_good, source_shrink)
    if not reason:
        return fresh
    if last_good is None:
        raise MappingInvalid(_with_remedy(fresh))
    return replace(
        last_good, frozen=f"{reason}; the copy read {read_at} stands in, nobody is removed because of it"
    )


def _distrust(fresh: Roster, last_good: Roster | None, source_shrink: int) -> str:
    errors = [problem for problem in fresh.problems if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return f"roster {fresh.name} could not be read: {errors[0]}{more}"
    if last_good is None or not last_good.rows:
        return ""
    was, now = len(last_good.rows), len(fresh.rows)
    if (was - now) * 100 <= source_shrink * was:
        return ""
    percent = (was - now) * 100 // was
    shrink = f"{percent} % fewer, {source_shrink} % are allowed"
    return f"roster {fresh.name} shrank from {was} to {now} rows ({shrink})"


def _with_remedy(fresh: Roster) -> list[Problem]:
    """All problems of the read, the first few spelled out; there is nothing to fall back on."""
    hint = "there is no earlier good copy of this roster to use instead"
    shown = [replace(problem, hint=problem.hint or hint) for problem in fresh.problems[:MORE]]
    return [
        replace(problem, path=problem.path or f"rosters.{fresh.name}")
        for problem in (*shown, *fresh.problems[MORE:])
    ]
