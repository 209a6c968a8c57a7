"""What a target is. Concrete ones: `memory`, `keycloak`, `ldap`; `app` builds them, nothing else names them.

Laws (tests/contract/target_contract.py, run by every target):
`shape` is idempotent · after `apply`, `read` holds at least `shape(desired)` · a second plan is empty ·
keys that are not ours are unchanged · an error in one change is an outcome, not an exception ·
outcomes match changes one to one, in any order · an interrupted `read` raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.model import Change, Key, Kind, Observation, Outcome, Scope, State


class Target(Protocol):
    """A system that holds facts. It never diffs and never decides; it keeps within its scope.

    `name` is the output's name in plans and ledger: `keycloak`, `ldap` or `ldap:NAME`.
    `kinds` is what it can hold; anything else is reported by the plan, not dropped.
    """

    name: str
    kinds: frozenset[Kind]

    def read(self, scope: Scope) -> Observation:
        """Read everything within `scope`, whole; raises a `TargetError`, never returns half."""

    def shape(self, desired: State) -> State:
        """Fold the desired state as this system would store it (case, Unicode form, defaults).

        Pure, and each fact by itself: what becomes of one does not depend on the others.
        """

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """Write one wave of changes that do not need each other; exactly one outcome for each change.

        `natives` gives the native id of every key that exists, persons included (Keycloak user id,
        entryUUID), with what earlier waves of this run made. Batches and pipelines as it likes.
        Raises only where nothing more can be written at all (`Unreachable` before the first write).
        """

    def close(self) -> None:
        """End the connections."""
