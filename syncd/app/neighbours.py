"""What the mappings beside one claim, worked out once for each version of their files.

A run looks whether another mapping manages the same thing. To compile a hundred mappings for each of their
runs takes longer than the runs; what a mapping claims changes only with its files and the operator's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncd.app import connections, files
from syncd.errors import MappingInvalid, SyncdError
from syncd.mapping import outputs
from syncd.mapping.compile import compile_mapping
from syncd.mapping.read import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.outputs import Claim
    from syncd.mapping.read import Loaded
    from syncd.settings import Settings


@dataclass(frozen=True, slots=True)
class _Known:
    settings: Settings
    digest: str
    claims: Sequence[Claim]


class Neighbours:
    """The claims of mappings; `in_force` is the version to go by, where it is not that of the files."""

    def __init__(self, in_force: Callable[[str], Loaded | None] = lambda _name: None) -> None:
        self._in_force = in_force
        self._known: dict[str, _Known] = {}

    def refuse_clashes(self, settings: Settings, mapping: str, compiled: Compiled) -> None:
        """Raise `MappingInvalid` where another mapping manages the same thing: two never do."""
        claims = {name: self._claims(settings, name) for name in settings.mappings if name != mapping}
        own = outputs.claims(compiled, settings.environment, files.reach_of(settings, mapping))
        if problems := outputs.clashes({**claims, mapping: own}):
            raise MappingInvalid(problems)

    def _claims(self, settings: Settings, name: str) -> Sequence[Claim]:
        """What a mapping claims, as far as files tell; nothing where they are broken: it does not run."""
        loaded, one = self._in_force(name), settings.mappings[name]
        digest = loaded.digest if loaded else digest_of(one.from_, one.set_)
        known = self._known.get(name)
        if known is None or known.settings is not settings or known.digest != digest:
            try:
                loaded = loaded or files.load_mapping(settings, name)
                found = _worked_out(settings, name, loaded)
            except SyncdError:
                return ()
            known = self._known[name] = _Known(settings, digest, found)
        return known.claims


def _worked_out(settings: Settings, name: str, loaded: Loaded) -> list[Claim]:
    """Claims from files alone; raises `MappingInvalid` where they are broken or reach beyond their `may`."""
    compiled = compile_mapping(loaded, {}, datetime.now(UTC).date())
    if not connections.has_keycloak(settings):
        compiled = replace(compiled, keycloak=None)
    files.check_reach(settings, name, loaded, compiled)
    return outputs.claims(compiled, settings.environment, files.reach_of(settings, name))
