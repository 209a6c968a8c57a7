"""A miniature ledger and run: as little as the laws need of what the store and `reconcile` do for real.

Claim before create, release after delete; what is not known to have happened stays claimed. The real
store keeps the same promises, which `tests/contract/test_store.py` proves on its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd import identity, plan
from syncd.model import Desired, Key, Kind, Limits, Observation, Op, Outcome, Owned, Plan, Result, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.model import Change
    from syncd.targets import Target

MARKER = "test/acme"


@dataclass
class Ledger:
    """What one target holds of ours; survives a crash, as a committed table would."""

    rows: dict[Key, Owned] = field(default_factory=dict)

    def claim(self, changes: Iterable[Change]) -> None:
        for change in changes:
            row = self.rows.get(change.key)
            if change.op is Op.CREATE and row is not None:  # repairs drift: the id it will have is not known
                self.rows[change.key] = replace(row, native="", claimed=True, adopted=False)
            elif change.op in (Op.CREATE, Op.ADOPT):
                adopted = change.op is Op.ADOPT
                self.rows[change.key] = Owned(
                    change.key, change.native, {}, change.origin, adopted=adopted, claimed=True
                )

    def record(self, outcome: Outcome) -> None:
        change, row = outcome.change, self.rows.get(outcome.change.key)
        if outcome.result is Result.DONE:
            self._done(outcome)
        elif outcome.result is Result.REFUSED and row is not None and row.claimed:
            del self.rows[change.key]

    def _done(self, outcome: Outcome) -> None:
        change = outcome.change
        if change.op in (Op.DELETE, Op.FORGET):
            self.rows.pop(change.key, None)
            return
        if change.op is Op.MOVE:
            assert change.old is not None
            self.rows = {plan.moved(key, change.old, change.key): row for key, row in self.rows.items()}
            self.rows = {key: replace(row, key=key) for key, row in self.rows.items()}
        row = self.rows.get(change.key)
        self.rows[change.key] = Owned(
            change.key,
            outcome.native or change.native or (row.native if row else ""),
            dict(change.attrs),
            change.origin,
            adopted=row.adopted if row else change.op is Op.ADOPT,
        )


def scope_of(
    tops: Iterable[tuple[str, ...]], desired: Desired, ledger: Ledger, natives: Iterable[str]
) -> Scope:
    """What a run reads: the containers named by either side, and every account known by its id."""
    keys = [*desired.state, *ledger.rows]
    groups = frozenset(key.place for key in keys if key.kind in (Kind.GROUP, Kind.MEMBER))
    roles = frozenset((*key.place, *key.item) for key in keys if key.kind is Kind.ROLE)
    return Scope(tops=frozenset(tops), members_of=groups, roles=roles, natives=frozenset(natives))


@dataclass
class Runner:
    """Reads, plans, claims and applies against one target, as one run does."""

    target: Target
    tops: Sequence[tuple[str, ...]]
    people: Mapping[str, str]  # person id → native id of the account
    ledger: Ledger = field(default_factory=Ledger)
    limits: Limits = field(default_factory=Limits)
    marker: str = MARKER

    def observe(self, desired: Desired) -> Observation:
        seen = self.target.read(scope_of(self.tops, desired, self.ledger, self.people.values()))
        known = {
            pid: identity.Person(pid, pins={self.target.name: native}) for pid, native in self.people.items()
        }
        return identity.rekey(seen, self.target.name, identity.Resolution(persons=known))

    def plan(self, desired: Desired) -> tuple[Plan, Observation]:
        seen = self.observe(desired)
        desired = replace(desired, state=self.target.shape(desired.state))
        made = plan.make_plan(
            self.target.name,
            desired,
            seen,
            tuple(self.ledger.rows.values()),
            self.limits,
            self.marker,
            kinds=self.target.kinds,
        )
        return made, seen

    def run(self, desired: Desired) -> list[Outcome]:
        """One whole run; an exception of the target is the crash of the process and passes through."""
        made, seen = self.plan(desired)
        return self.apply(made, seen)

    def apply(self, made: Plan, seen: Observation) -> list[Outcome]:
        natives = dict(plan.natives_after(made, seen.natives))
        outcomes: list[Outcome] = []
        failed: list[Change] = []
        for wave in plan.waves(made.changes):
            skipped = plan.blocked(wave, failed)
            todo = [change for change in wave if change not in skipped]
            failed += skipped
            outcomes += [Outcome(change, Result.SKIPPED) for change in skipped]
            self.ledger.claim(todo)
            for outcome in self._outcomes(todo, natives):
                self.ledger.record(outcome)
                outcomes.append(outcome)
                if outcome.result is not Result.DONE:
                    failed.append(outcome.change)
                elif outcome.native:
                    natives[outcome.change.key] = outcome.native
        return outcomes

    def _outcomes(self, todo: Sequence[Change], natives: Mapping[Key, str]) -> Iterable[Outcome]:
        writes = [change for change in todo if change.writes]
        yield from (Outcome(change, Result.DONE, change.native) for change in todo if not change.writes)
        if writes:
            yield from self.target.apply(writes, natives)
