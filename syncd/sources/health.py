"""PURE: whether a fresh read of a source may be used, or its last good copy stands in.

Unknown is never empty: a source that fails, or suddenly says much less, keeps what it said before and
freezes the removals that depend on it, never more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.errors import MappingInvalid, Problem

if TYPE_CHECKING:
    from syncd.roster import Roster, Row

MORE = 3


def judge(fresh: Roster, last_good: Roster | None, read_at: str, source_shrink: int) -> Roster:
    """The roster to use, with `frozen` set where nobody may lose anything because of it.

    A read that failed is replaced by `last_good` (read at `read_at`, as shown); one that is whole but
    smaller by more than `source_shrink` percent is used frozen, so that the plan shows whom it would
    take out and that very plan can be approved; the rows that it lacks stay `remembered`. Raises
    `MappingInvalid` where the read is bad and there is no copy to stand in.
    """
    errors = [problem for problem in fresh.problems if problem.severity == "error"]
    if not errors:
        reason = _shrinkage(fresh, last_good, source_shrink)
        return replace(fresh, frozen=reason, remembered=_missing(fresh, last_good) if reason else ())
    if last_good is None:
        raise MappingInvalid(_with_remedy(fresh))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return replace(
        last_good,
        frozen=f"roster {fresh.name} could not be read: {errors[0]}{more}; "
        f"the copy read {read_at} stands in, nobody is removed because of it",
    )


def _shrinkage(fresh: Roster, last_good: Roster | None, source_shrink: int) -> str:
    """What is wrong with the size of a read, or nothing."""
    was, now = len(last_good.rows) if last_good else 0, len(fresh.rows)
    if (was - now) * 100 <= source_shrink * was:
        return ""
    percent = (was - now) * 100 // was
    return (
        f"roster {fresh.name} shrank from {was} to {now} rows "
        f"({percent} % fewer, {source_shrink} % are allowed); "
        "whom it no longer names keeps everything until this plan is approved"
    )


def _missing(fresh: Roster, last_good: Roster | None) -> tuple[Row, ...]:
    """The rows of the copy that the fresh read does not have, whatever their numbers."""
    known = {frozenset(row.values.items()) for row in fresh.rows}
    rows = last_good.rows if last_good else ()
    return tuple(row for row in rows if frozenset(row.values.items()) not in known)


def _with_remedy(fresh: Roster) -> list[Problem]:
    """All problems of the read, the first few spelled out; there is nothing to fall back on."""
    hint = "there is no earlier good copy of this roster to use instead"
    shown = [replace(problem, hint=problem.hint or hint) for problem in fresh.problems[:MORE]]
    return [
        replace(problem, path=problem.path or f"rosters.{fresh.name}")
        for problem in (*shown, *fresh.problems[MORE:])
    ]
