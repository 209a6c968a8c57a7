"""Keycloak as a target: groups, members, roles, grants, accounts and organizations of one realm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Kind, Op
from syncd.targets import keycloak_shape
from syncd.targets.keycloak_read import KeycloakReader
from syncd.targets.keycloak_write import KeycloakWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.model import Change, Key, Observation, Outcome, Scope, State
    from syncd.targets.keycloak_connection import KeycloakConnection


class KeycloakTarget:
    """One realm, read and written by one service account; see the `Target` protocol.

    `marker` is `environment/mapping`, kept as the attribute `syncd.owner` of groups made here.
    """

    kinds = frozenset(Kind) - {Kind.OU}

    def __init__(self, connection: KeycloakConnection, *, marker: str, name: str = "keycloak") -> None:
        self.name = name
        self._connection = connection
        self._marker = marker
        self._reader = KeycloakReader(connection, name)

    def read(self, scope: Scope) -> Observation:
        """Everything within `scope`, proved complete; raises a `TargetError`."""
        return self._reader.read(scope)

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
        yield from self._connection.each_of(writer.write, ready)

    def close(self) -> None:
        """End the connections."""
        self._connection.close()


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
