"""Keycloak as a target: groups, members, roles, grants, accounts and organizations of one realm."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.errors import IncompleteRead
from syncd.model import Key, Kind, Op, Result
from syncd.targets import keycloak_shape
from syncd.targets.keycloak_answers import Answers
from syncd.targets.keycloak_failures import Answered
from syncd.targets.keycloak_read import KeycloakReader
from syncd.targets.keycloak_recall import KeycloakRecall
from syncd.targets.keycloak_write import KeycloakWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.model import Change, Observation, Outcome, Scope, State
    from syncd.targets.keycloak_connection import KeycloakConnection
    from syncd.targets.recall import Keeper


class KeycloakTarget:
    """One realm, read and written by one service account; see the `Target` protocol.

    `marker` is `environment/mapping`, kept as the attribute `syncd.owner` of groups made here. With a
    `keeper`, a read asks for what changed since the last one; without, it is always of everything.
    """

    kinds = frozenset(Kind) - {Kind.OU}

    def __init__(
        self,
        connection: KeycloakConnection,
        *,
        marker: str,
        name: str = "keycloak",
        keeper: Keeper | None = None,
    ) -> None:
        self.name = name
        self._connection = connection
        self._marker = marker
        self._reader = KeycloakReader(connection, name)
        self._recall = KeycloakRecall(connection, name, keeper) if keeper else None

    def read(self, scope: Scope) -> Observation:
        """Everything within `scope`, proved complete; raises a `TargetError`."""
        if self._recall is None:
            return self._reader.read(scope, Answers())
        before = self._connection.requests
        answers = self._recall.answers()
        try:
            observation = self._reader.read(scope, answers)
        except (IncompleteRead, Answered):
            answers = self._recall.start_over()
            observation = self._reader.read(scope, answers)
        self._recall.keep(answers)
        return replace(observation, requests=self._connection.requests - before)

    def doubt(self, changes: Iterable[Change], natives: Mapping[Key, str]) -> bool:
        """See `syncd.targets.recall.Remembering`."""
        return self._recall is not None and self._recall.doubt(changes, natives)

    def shape(self, desired: State) -> State:
        """The desired state as Keycloak would store it."""
        return keycloak_shape.shape(desired)

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """Write one wave, 8 changes in flight; outcomes in the order in which they end."""
        self._connection.login()
        writer = KeycloakWriter(self._connection, self._marker, self._reader.client, natives)
        aside = _in_the_way(changes)
        ready = []
        for number, change in enumerate(changes):
            refused = writer.groups.set_aside(change) if number in aside else None
            if refused is None:
                ready.append(change)
            else:
                yield refused
        memberships = []
        for outcome in self._connection.each_of(writer.write, ready):
            if outcome.result is Result.DONE and outcome.change.key.kind is Kind.MEMBER:
                memberships.append(_edge(outcome.change, natives))
            yield outcome
        if self._recall is not None:
            self._recall.wrote(memberships)

    def close(self) -> None:
        """End the connections."""
        self._connection.close()


def _edge(change: Change, natives: Mapping[Key, str]) -> tuple[str, str]:
    """The ids of account and group of a membership."""
    person = natives.get(Key(Kind.PERSON, (), change.key.item), change.key.item[0])
    return person, natives[Key(Kind.GROUP, change.key.place)]


def _in_the_way(changes: Sequence[Change]) -> frozenset[int]:
    """Which changes move a group from a place that another of the wave takes: chains and swaps of names."""
    taken = {change.key for change in changes if change.op in (Op.MOVE, Op.CREATE)}
    return frozenset(
        number
        for number, change in enumerate(changes)
        if change.op is Op.MOVE
        and change.key.kind is Kind.GROUP
        and change.old in taken
        and change.old != change.key
    )
