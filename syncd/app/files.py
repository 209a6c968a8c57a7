"""One mapping's files as they are now: loaded, their sources read, compiled, checked against `may`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd.app import connections
from syncd.app.rosters import Network, Reader, Sources
from syncd.app.sources import source_problems
from syncd.errors import MappingInvalid, Problem
from syncd.mapping import check_parts, limits, outputs, parts
from syncd.mapping.compile import compile_mapping, needs_of
from syncd.mapping.limits_units import looser_units
from syncd.mapping.read import load
from syncd.mapping.schema import DEFAULT_POLICY
from syncd.settings import Keycloak

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.read import Loaded
    from syncd.mapping.schema import Policy
    from syncd.settings import Settings
    from syncd.store import Store


def load_mapping(settings: Settings, name: str) -> Loaded:
    """The mapping as its files and the operator's file say; raises `MappingInvalid`."""
    one = settings.mappings[name]
    loaded = load(
        shown(one.from_),
        name=name,
        files={glob: rule.model_dump(exclude_none=True) for glob, rule in one.files.items()},
        set_=one.set_,
        operator=settings.place("mappings", name, "set"),
    )
    if problems := source_problems(settings, name, loaded):
        raise MappingInvalid(problems)
    return loaded


def compiled_mapping(  # noqa: PLR0913 - what a compilation depends on, each by name
    loaded: Loaded,
    *,
    folder: Path,
    directories: Mapping[str, Path] | None,
    network: Network | None,
    store: Store | None,
    mapping: str,
    now: datetime,
) -> tuple[Compiled, Sources]:
    """Sources read, then everything worked out for today in the mapping's own time zone."""
    sources = Reader(loaded, folder, directories, network, store, mapping, now).read(
        needs_of(loaded), DEFAULT_POLICY.source_shrink or 0
    )
    return compile_mapping(loaded, sources.rosters, today_of(loaded, now), sources.groups), sources


def today_of(loaded: Loaded, now: datetime) -> date:
    """The day by the mapping's own calendar."""
    return now.astimezone(ZoneInfo(loaded.document.settings.timezone or "UTC")).date()


def check_reach(settings: Settings, name: str, loaded: Loaded, compiled: Compiled) -> None:
    """Raise `MappingInvalid` where the mapping reaches beyond its `may`, or loosens its operator's policy."""
    problems = outputs.problems(compiled, settings.environment, reach_of(settings, name))
    problems += _connections(settings, name, compiled)
    problems += _loosened(settings, name, loaded, compiled)
    if not problems and split_into(settings, name, loaded):
        place = check_parts.place_of(loaded.places, settings.place("mappings", name, "policy", "split"))
        reach = reach_of(settings, name)
        problems += check_parts.problems(compiled, settings.environment, reach, place)
    if any(problem.severity == "error" for problem in problems):
        raise MappingInvalid(problems)


def _connections(settings: Settings, name: str, compiled: Compiled) -> Iterator[Problem]:
    """Outputs whose connection there is not, or that reach by naming nothing what they may not."""
    for output in outputs.output_names(compiled):
        try:
            connection = connections.connection_of(settings, compiled, output)
        except MappingInvalid as error:
            yield from error.problems
            continue
        for what, hint in _unnamed(settings, name, compiled, output, connection):
            message = f"{what} lies beyond what the operator allows"
            yield Problem(compiled.output_places[output], output.replace(":", "."), message, hint)


def _unnamed(
    settings: Settings, name: str, compiled: Compiled, output: str, connection: str
) -> Iterator[tuple[str, str]]:
    """What lies out of reach of the only connection of its type, and of that one's realm, with a hint."""
    may, server = settings.mappings[name].may, settings.connections.get(connection)
    keycloak = compiled.keycloak if output == outputs.KEYCLOAK else None
    named = (keycloak or compiled.ldap[output]).connection
    if connection and not named and may.connections is not None and connection not in may.connections:
        off = "; `keycloak: false` turns the output off" if keycloak else ""
        yield f'the connection "{connection}"', f"`may` allows {', '.join(may.connections) or 'none'}{off}"
    realm = server.realm if keycloak and not keycloak.realm and isinstance(server, Keycloak) else may.realm
    if may.realm not in (None, realm):
        yield f'the realm "{realm}"', f"`may` allows {may.realm}; name it under `realm`"


def _loosened(settings: Settings, name: str, loaded: Loaded, compiled: Compiled) -> list[Problem]:
    """The choices in which the mapping allows more than its operator says."""
    said = settings.mappings[name].policy
    return _loosened_units(loaded, compiled, said) + [
        Problem(
            loaded.places.value(("policy", field)),
            f"policy.{field}",
            "allows more than the operator does",
            f"{settings.place('mappings', name, 'policy', field)} says how much; it may be stricter",
        )
        for field in limits.looser(compiled.policy, said)
        if field != "protected"
    ]


def _loosened_units(loaded: Loaded, compiled: Compiled, said: Policy) -> list[Problem]:
    """The choices in which a unit allows more than operator, mapping and defaults together."""
    whole = limits.overlay(limits.operator_policy(said), compiled.policy)
    paths = [
        loaded.places.unit_path(unit.path, "policy", field) for unit, field in looser_units(compiled, whole)
    ]
    hint = "the mapping's or the operator's own is stricter, or the default is"
    return [
        loaded.places.problem(path, "only a stricter policy than above may stand here", hint)
        for path in paths
        if loaded.places.has(path)
    ]


def reach_of(settings: Settings, name: str) -> outputs.Reach:
    """How far the operator lets the mapping reach."""
    may = settings.mappings[name].may
    return outputs.Reach(
        connections=None if may.connections is None else frozenset(may.connections),
        realm=may.realm,
        groups=None if may.groups is None else tuple(tuple(top.strip("/").split("/")) for top in may.groups),
        bases=may.bases,
        grants=frozenset(may.grants),
    )


def split_into(settings: Settings, name: str, loaded: Loaded) -> tuple[str, ...]:
    """The root units, as parts, where the policy asks that they run apart; else none."""
    policy = limits.overlay(limits.operator_policy(settings.mappings[name].policy), loaded.document.policy)
    if not parts.splits(policy):
        return ()
    return tuple(sorted(f"/{root}" for named in loaded.document.units.values() for root in named))


def folder_of(path: Path) -> Path:
    """The folder that a mapping's own files are named from."""
    return path if path.is_dir() else path.parent


def shown(path: Path) -> Path:
    """A path as the administrator would name it from here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
