"""What `--only PATH` and `--target NAME` leave of a plan, with what that needs to be there first. Pure.

A narrowed run is a run of a part: it confirms nothing of the rest, so no source, no policy and no first
apply, and it sends no mail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.model import Change, Kind, Op, Plan
from syncd.plan_moves import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.model import RunPlan

_MAKERS = (Op.CREATE, Op.ADOPT, Op.MOVE)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One unit with all below, one target; None is all."""

    only: str | None = None
    target: str | None = None

    @classmethod
    def of_plan(cls, plan: RunPlan | None) -> Narrowing:
        """What a plan that somebody reviewed was narrowed to."""
        return cls(plan.only or None, plan.target or None) if plan else cls()

    @property
    def top(self) -> str:
        """The unit as plans write it, `/a/b`; empty for all."""
        return "/" + self.only.strip("/") if self.only is not None else ""

    def of(self, plan: Plan) -> Plan:
        """The part of the plan that is left."""
        if self.target is not None and plan.target != self.target:
            return Plan(plan.target)
        if self.only is None:
            return plan
        chosen = [change for change in plan.changes if self._within(change)]
        return replace(
            plan,
            changes=_with_needed(plan.changes, chosen),
            held=[held for held in plan.held if self._within(held.change)],
        )

    def _within(self, change: Change) -> bool:
        return f"{change.origin.unit}/".startswith(f"{self.top.rstrip('/')}/")


WHOLE = Narrowing()


def _with_needed(changes: Sequence[Change], chosen: Iterable[Change]) -> list[Change]:
    """The chosen changes in their order, with those that must be done before them, at any distance."""
    makers = {change.key: change for change in changes if change.op in _MAKERS}
    moves = [change for change in changes if change.op is Op.MOVE]
    taken: dict[int, Change] = {}
    waiting = list(chosen)
    while waiting:
        change = waiting.pop()
        if id(change) in taken:
            continue
        taken[id(change)] = change
        if change.op in (Op.DELETE, Op.FORGET):
            continue
        waiting += [makers[need] for need in (*change.key.needs(), change.key) if need in makers]
        waiting += [move for move in moves if _lies_in(change, move)]
    return [change for change in changes if id(change) in taken]


def _lies_in(change: Change, move: Change) -> bool:
    """Whether the change lies in what moves, so that its place is there only after the move."""
    if change.key.kind is Kind.PERSON:
        return False
    top = path_of(move.key)
    return path_of(change.key)[: len(top)] == top
