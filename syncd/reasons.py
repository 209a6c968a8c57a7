"""Why a mapping is as it is, and when somebody is to be told: one notice for each change of reason. Pure.

A reason is the same as long as its state and what it names stay: which limits, which servers, which file,
which kinds of waiting. What comes and goes by itself is told once it has lasted a while, and that all is
well again only to who was told that it was not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.errors import Busy, MappingInvalid, NotApart, Refused, Stale, TargetError
from syncd.model import ENFORCED, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from syncd.errors import Problem, SyncdError
    from syncd.model import RunReport
    from syncd.schedule import Rhythm

SETTINGS = "syncd.yaml"  # in the place of a mapping's name, which none is called
ABOUT, ABOUT_SETTINGS = "mapping.", "settings."
PERIODS = 3  # times that a mapping was due since a run of it ended, after which it counts as left alone
POLICY = "policy"  # the kind of waiting of a policy that became looser
ROUTINE = frozenset({"person", "needed", "mode"})
"""Kinds of waiting that no operator is to end: somebody accepts, what is in the way goes, it is wanted."""
OURS = "syncd"
PLAN = 12  # digits of a plan's digest by which it is found


class State(StrEnum):
    """How a mapping is, by its newest run and its files."""

    WELL = "well"
    HELD = "held"  # changes wait for an operator
    STOPPED = "stopped"  # by a limit
    FAILING = "failing"  # a server was not read, or did not take what was written
    INVALID = "invalid"  # the files as they are now are not in force
    STALE = "stale"  # no run ends any more


SLOW = frozenset({State.FAILING, State.HELD})
"""What often is over by the next run, so that it is told once it has lasted."""
OVERDUE = frozenset({State.WELL, State.HELD})
"""Who was told no worse is told that no run ends."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A state with what it names; `facts` and `detail` are said with it.

    Only `detail`, sentences by line, may quote a file or a server. Counts are facts by what they count.
    """

    state: State = State.WELL
    names: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    detail: str = field(default="", compare=False)

    def same(self, other: Reason) -> bool:
        """Whether nothing has changed that somebody should hear of."""
        return (self.state, self.names) == (other.state, other.names)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a mapping: how it is since when, and what of it was told last, and when.

    `parts` is how the newest run left each part, where the mapping runs in parts; "" is what a run of the
    whole found, as long as not every part has run since.
    """

    present: Reason
    since: datetime
    told: Reason = Reason()
    told_at: datetime | None = None
    parts: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def is_told(self) -> bool:
        """Whether somebody was told how it is now."""
        return self.told_at is not None and self.present.same(self.told)


def event(mapping: str, state: State) -> str:
    """The event that tells how a mapping, or syncd.yaml, is."""
    about = ABOUT_SETTINGS if mapping == SETTINGS else ABOUT
    return f"{about}{'recovered' if state is State.WELL else state}"


EVENTS = (
    *sorted(event("", state) for state in State),
    *(event(SETTINGS, state) for state in (State.INVALID, State.WELL)),
)
"""What webhooks and `notify.events` may name of mappings and of syncd.yaml."""


# --- which reason -------------------------------------------------------------------------------------


def of_files(problem: Problem) -> Reason:
    """The files as they are now cannot be used; whatever the last valid ones did is second to that."""
    place, said = (
        str(problem.place),
        f"{problem.path}: {problem.message}" if problem.path else problem.message,
    )
    return Reason(State.INVALID, (problem.place.file,), {"place": place}, said)


def of_error(error: SyncdError) -> Reason | None:
    """Why a run did not come about; None where somebody else was at work, which says nothing."""
    if isinstance(error, Busy | NotApart | Stale):
        return None
    if isinstance(error, MappingInvalid):
        return of_files(next((one for one in error.problems if one.severity == "error"), error.problems[0]))
    name = error.target if isinstance(error, TargetError) else OURS
    return Reason(State.FAILING, (name,), detail=error.in_one_line)


def of_settings(error: SyncdError | None) -> Reason:
    """How syncd.yaml is, by the problem it has; what is not invalid is missing."""
    if isinstance(error, MappingInvalid):
        return of_files(error.problems[0])
    if error is not None:
        return Reason(State.INVALID, (SETTINGS,), {"place": SETTINGS}, error.in_one_line)
    return Reason()


def of_fault() -> Reason:
    """A run that ended by a fault of ours."""
    return Reason(State.FAILING, (OURS,), detail="syncd itself is at fault, see its log")


def of_report(report: RunReport) -> Reason | None:
    """How a run left the mapping, the worst first; None where it was not to write everything."""
    plan = report.plan
    if plan.failed:
        return Reason(State.FAILING, tuple(sorted(plan.failed)), detail="\n".join(plan.failed.values()))
    if plan.mode != ENFORCED or plan.only or plan.target:
        return None
    if report.exit_code == Refused.exit_code and plan.stops:
        limits = tuple(sorted({one.limit for one in plan.stops}))
        said = "\n".join(one.detail for one in plan.stops)
        return Reason(State.STOPPED, limits, {"plan": plan.digest[:PLAN]}, said)
    if report.exit_code and (undone := _undone(report)):
        said = "\n".join(f"{target}: {count} changes were not written" for target, count in undone.items())
        return Reason(State.FAILING, tuple(sorted(undone)), detail=said)
    return _waiting(report)


def _undone(report: RunReport) -> Counter[str]:
    """How many changes were not done, by target."""
    targets = {id(change): plan.target for plan in report.plan.plans for change in plan.changes}
    return Counter(
        targets.get(id(one.change), "") for one in report.outcomes if one.result is not Result.DONE
    )


def _waiting(report: RunReport) -> Reason:
    plan = report.plan
    counts = Counter(held.reason for one in plan.plans for held in one.held if held.reason not in ROUTINE)
    counts += Counter({POLICY: len(plan.policy_waiting)})
    if not counts:
        return Reason()
    told = {name: str(count) for name, count in sorted(counts.items())}
    return Reason(State.HELD, tuple(told), {"plan": plan.digest[:PLAN], **told})


FOUND = frozenset({State.FAILING, State.STOPPED, State.HELD})
"""What a run finds, and only another run says to be over."""
_WORST = (State.INVALID, State.FAILING, State.STOPPED, State.HELD, State.WELL)


def parted(kept: Kept | None, part: str, reason: Reason, parts: Sequence[str]) -> dict[str, Reason]:
    """How the `parts` of a mapping are, now that a run left one of them so; "" is a run of the whole.

    What was known of the mapping before it ran in parts is as what a run of the whole found.
    """
    if not parts or not part:
        return {part: reason} if parts else {}
    before = dict(kept.parts) if kept else {}
    if kept is not None and not before and kept.present.state in FOUND:
        before = {"": kept.present}
    known = {one: before[one] for one in ("", *parts) if one in before} | {part: reason}
    if all(one in known for one in parts):
        known.pop("", None)
    return known


def together(found: Mapping[str, Reason]) -> Reason:
    """The worst of how the parts of a mapping are, by root unit, and all of them that are so.

    What a run of the whole found, "", names no root unit.
    Which root units a limit stops is told anew, which ones a server or a wait holds up is not.
    """
    worst = min((one.state for one in found.values()), key=_WORST.index, default=State.WELL)
    parts = {part: one for part, one in sorted(found.items()) if one.state is worst}
    counts, names, lines, facts = Counter[str](), set[str](), list[str](), dict[str, str]()
    for part, one in parts.items():
        counts.update({name: int(one.facts[name]) for name in one.names if worst is State.HELD})
        names.update(f"{part} {name}" if part and worst is State.STOPPED else name for name in one.names)
        said = one.detail.splitlines() or [", ".join(one.names)]
        lines += [f"{part}: {line}" if part else line for line in said]
        facts = {**one.facts, **facts}
    facts |= {name: str(count) for name, count in counts.items()}
    return Reason(worst, tuple(sorted(names)), facts, "\n".join(lines))


# --- whether it is told -------------------------------------------------------------------------------


def judged(
    kept: Kept | None, reason: Reason, now: datetime, after: timedelta, wanted: Callable[[State], bool]
) -> tuple[Kept, Reason | None]:
    """What is known from now on, and the reason to tell, if there is one; `wanted` says which states are.

    A reason that nobody wants to hear of is not told, and does not count as told.
    """
    kept = kept or Kept(reason, now)
    since = kept.since if reason.state is kept.present.state else now
    present = replace(kept, present=reason, since=since)
    if reason.same(kept.told) or (reason.state in SLOW and now - since < after):
        return present, None
    if wanted(reason.state):
        return replace(present, told=replace(reason, detail=""), told_at=now), reason
    if reason.state is State.WELL:
        return replace(present, told=reason, told_at=None), None
    return present, None


def left_alone(
    kept: Kept | None, ended: datetime, rhythm: Rhythm, looked_since: datetime, now: datetime
) -> Reason | None:
    """That no run ends any more, where one should have: `ended` is when the newest did.

    Who has been looking since `looked_since` waits for one time that the mapping is due, as a run that
    makes up for missed ones needs a moment.
    """
    if kept is not None and kept.told.state not in OVERDUE:
        return None
    due: datetime | None = ended
    for _ in range(PERIODS):
        due = rhythm.after(due) if due is not None else None
    seen = rhythm.after(looked_since)
    if due is None or seen is None or max(due, seen) > now:
        return None
    return Reason(State.STALE, (), {"ended": ended.isoformat(timespec="seconds")})
