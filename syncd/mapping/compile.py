"""PURE: a mapping that was read, its sources and what acts gave become what should be true on one day.

Everything wrong is found before anything is said: a `Compiled` is complete and valid or there is none.
The same files and acts in any order, and the same rosters, give an equal value.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.mapping.check_model import check_model
from syncd.mapping.check_report import Report
from syncd.mapping.check_rules import check_rules
from syncd.mapping.compile_findings import Findings
from syncd.mapping.compile_model import compile_model
from syncd.mapping.compile_people import complete_profiles, declared_people, link_rows
from syncd.mapping.compile_settings import overbooked, without_guests
from syncd.mapping.compile_units import Node, compile_units, grants_of, walk
from syncd.mapping.compiled import Assignment, Compiled, RootModel, Unit
from syncd.mapping.members import gather, in_order
from syncd.mapping.members_acts import authors_of, unite
from syncd.mapping.members_select import GroupRef, Selection, until_column, work_out
from syncd.mapping.names import RoleNames
from syncd.mapping.schema import DirectoryMember, KeycloakOutput, RosterMember
from syncd.mapping.unit_values import unit_values
from syncd.mapping.variants import effective_document
from syncd.policy import Holding, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from syncd.acts import Grant
    from syncd.errors import Place, Problem
    from syncd.mapping.members import Lines
    from syncd.mapping.places import Places
    from syncd.mapping.read import Loaded
    from syncd.mapping.schema import LdapOutput, MappingDocument
    from syncd.model import Origin, Path
    from syncd.roster import Roster


@dataclass(frozen=True, slots=True)
class Needs:
    """What a mapping wants read: the columns of each roster that hold dates, and directory groups."""

    rosters: Mapping[str, frozenset[str]]
    groups: frozenset[GroupRef]


@dataclass(slots=True)
class _Tree:
    """The units of a mapping with their models and member lines."""

    models: Mapping[str, RootModel]
    base: RootModel
    nodes: Mapping[Path, Node]
    units: Mapping[Path, Unit]
    lines: Lines


def compile_mapping(
    loaded: Loaded,
    rosters: Mapping[str, Roster],
    today: date,
    ldap_groups: Mapping[GroupRef, Roster] | None = None,
    acts: Sequence[Grant] = (),
) -> Compiled:
    """The mapping on the day `today` (of its own time zone); raises `MappingInvalid` with every problem.

    A roster or group that is not passed in was not read: what depends on it is frozen, not empty. `acts`
    are all the memberships that acts gave in this mapping.
    """
    findings = Findings(loaded.places, list(loaded.warnings))
    tree = _tree(loaded, findings)
    unite(tree.lines, tree.units, tree.models, acts)
    findings.stop_if_wrong()
    people = declared_people(loaded.document.people, loaded.places)
    for name, roster in sorted(rosters.items()):
        if name in loaded.document.rosters:
            link_rows(people, roster.rows, loaded.document.rosters[name].columns, folded=roster.folded)
    selection = Selection(
        loaded.document, tree.lines, people, rosters, ldap_groups or {}, today, findings,
        authors=authors_of(acts),
    )  # fmt: skip
    for slot in in_order(tree.lines):
        work_out(selection, slot)
    for name, roster in sorted(rosters.items()):
        if name in loaded.document.rosters:
            complete_profiles(people, roster, loaded.document.rosters[name])
    compiled = _compiled(loaded, tree, selection)
    findings.problems += check_holdings(compiled, _holdings(compiled))
    findings.stop_if_wrong()
    return replace(compiled, warnings=findings.warnings)


def needs_of(loaded: Loaded) -> Needs:
    """What must be read before the mapping can be compiled; raises `MappingInvalid`."""
    findings = Findings(loaded.places)
    lines = _tree(loaded, findings).lines
    findings.stop_if_wrong()
    dates: dict[str, set[str]] = {name: set() for name in loaded.document.rosters}
    groups: set[GroupRef] = set()
    for line in (line for found in lines.of.values() for line in found):
        entry = line.entry
        if isinstance(entry, RosterMember) and entry.roster in dates:
            roster = loaded.document.rosters[entry.roster]
            if name := until_column(entry, roster):
                dates[entry.roster].add(roster.columns.get(name, name))
        elif isinstance(entry, DirectoryMember):
            groups.add(GroupRef(entry.ldap_group.connection, entry.ldap_group.dn, entry.ldap_group.nested))
    return Needs({name: frozenset(columns) for name, columns in dates.items()}, frozenset(groups))


def check_holdings(compiled: Compiled, holdings: Iterable[Holding]) -> list[Problem]:
    """Breaches of the constraints and of the seats, each root unit judged by its own model."""
    held, unsure = list(holdings), frozenset(compiled.frozen)
    problems: list[Problem] = []
    for root, model in compiled.models.items():
        units = {path: unit for path, unit in compiled.units.items() if path[0] == root}
        inside = [holding for holding in held if holding.unit[0] == root]
        problems += check(model.constraints, model.roles, units, inside, unsure)
        problems += overbooked(model, root, inside)
    return problems


def kept_units_gone(compiled: Compiled, origins: Iterable[Origin], places: Places) -> list[Problem]:
    """Units of kinds with `deletable: false` that were ours and are no longer in the files.

    `origins` are those of the ledger; the rule of a unit's origin is its kind.
    """
    known = {uid for unit in compiled.units.values() for uid in (unit.uid, *unit.former)}
    declared, findings = compiled.document.kinds, Findings(places)
    now = {old: name for name, kind in declared.items() for old in (*kind.formerly, name)}
    for origin in origins:
        uid, slot = origin.anchor
        kind = now.get(origin.rule, "")
        if slot == "unit" and uid not in known and kind and not declared[kind].deletable:
            message = f'the {kind} "{origin.unit}" left the files, and its kind is `deletable: false`'
            hint = "put it back, or say `formerly` where it went"
            findings.error(("kinds", kind, "deletable"), message, hint)
    return findings.problems


def _tree(loaded: Loaded, findings: Findings) -> _Tree:
    """Model, units and member lines; everything that needs no source and no day."""
    document, places = loaded.document, loaded.places
    roots = sorted((name, unit.settings) for named in document.units.values() for name, unit in named.items())
    documents = {name: effective_document(document, settings) for name, settings in roots}
    base = effective_document(document, None)
    _check_variants(document, [base, *documents.values()], findings)
    bare = {name: compile_model(each, frozenset(), places) for name, each in documents.items()}
    granting = frozenset(role for node in walk(document, bare) for role in grants_of(node, findings))
    models = {name: compile_model(each, granting, places) for name, each in documents.items()}
    nodes = {node.path: node for node in walk(document, models)}
    units = compile_units(nodes, findings)
    language = document.settings.language
    lines = gather(nodes, lambda node: unit_values(units[node.path], document.mapping, language), findings)
    return _Tree(models, compile_model(base, granting, places), nodes, units, lines)


def _check_variants(
    document: MappingDocument, changed: Iterable[MappingDocument], findings: Findings
) -> None:
    """The model that a variant leaves must hold together as the one in the files does."""
    for each in changed:
        if each is not document:
            report = Report(each, findings.places, RoleNames(each.roles))
            check_model(report)
            check_rules(report)
            findings.problems += report.problems
    findings.stop_if_wrong()


def _compiled(loaded: Loaded, tree: _Tree, selection: Selection) -> Compiled:
    document, people = loaded.document, selection.people
    lent = list(_lent(tree.units, selection))
    own = [each for held in selection.held.values() for each in held]
    frozen = {(role, tree.units[path].uid): reason for (path, role), reason in selection.frozen.items()}
    frozen |= {
        (role, tree.units[target].uid): reason
        for (path, role), reason in selection.frozen.items()
        for target in tree.units[path].attached_to
    }
    return Compiled(
        id=document.mapping,
        formerly=document.formerly,
        document=tree.base.document,
        units=tree.units,
        roles=tree.base.roles,
        assignments=without_guests(_made_together(sorted([*own, *lent], key=_sort_key)), tree.models),
        people=dict(sorted({**people.entries}.items())),
        constraints=tree.base.constraints,
        keycloak=_keycloak(tree.base.document),
        ldap=_ldap(tree.base.document),
        policy=tree.base.document.policy,
        frozen=dict(sorted(frozen.items())),
        upcoming=tuple(sorted(selection.upcoming, key=lambda each: (each[0], *_sort_key(each[1])))),
        warnings=(),
        digest=_digest(loaded, selection),
        models=tree.models,
        refs=dict(sorted(people.refs.items())),
        output_places=_output_places(loaded),
    )


def _sort_key(each: Assignment) -> tuple[bool, bool, Path, str, str, bool, Place]:
    """What is declared first, then acts, those that wait last: of two texts for a person the first counts."""
    return (each.by_act, bool(each.waits), each.unit, each.role, each.who, each.lent, each.place)


def _made_together(assignments: list[Assignment]) -> tuple[Assignment, ...]:
    """Whoever gets an account by one membership has it for the others too, in the same run."""
    making = {each.who for each in assignments if each.unknown == "create"}
    return tuple(
        replace(each, unknown="create") if each.who in making and each.unknown != "create" else each
        for each in assignments
    )


def _lent(units: Mapping[Path, Unit], selection: Selection) -> Iterable[Assignment]:
    """The members of an attached unit once more, under each unit it is attached to."""
    found: dict[tuple[Path, str, str], Assignment] = {}
    attached = {path for path, unit in units.items() if unit.attached_to}
    lending = (each for (path, _), held in selection.held.items() if path in attached for each in held)
    for each in sorted(lending, key=_sort_key):
        unit = units[each.unit]
        for target in unit.attached_to:
            shown = replace(each, unit=target, rule=f"attached: {unit}", lent=True, initial=False)
            found.setdefault((target, each.role, each.who), shown)
    return found.values()


def _holdings(compiled: Compiled) -> list[Holding]:
    return [
        Holding(each.who, each.text, each.role, each.unit, each.place)
        for each in compiled.assignments
        if not each.lent
    ]


def _keycloak(document: MappingDocument) -> KeycloakOutput | None:
    if document.keycloak is False:
        return None
    return document.keycloak or KeycloakOutput()


def _ldap(document: MappingDocument) -> dict[str, LdapOutput]:
    return {output_name(name): output for name, output in sorted((document.ldap or {}).items())}


def output_name(name: str) -> str:
    """The name of an LDAP output in plans and ledger."""
    return f"ldap:{name}" if name else "ldap"


def _output_places(loaded: Loaded) -> dict[str, Place]:
    places = {"keycloak": loaded.places.at(("keycloak",))}
    places |= {output_name(name): loaded.places.at(("ldap", name)) for name in loaded.document.ldap or {}}
    return places


def _digest(loaded: Loaded, selection: Selection) -> str:
    """What was read: files, rosters, groups; not the day."""
    digest = hashlib.sha256(loaded.digest.encode())
    for name, roster in sorted(selection.rosters.items()):
        digest.update(f"\n{name} {roster.digest}".encode())
    for ref, roster in sorted(
        selection.groups.items(), key=lambda pair: (pair[0].connection, pair[0].dn, pair[0].nested)
    ):
        digest.update(f"\n{ref} {roster.digest}".encode())
    return digest.hexdigest()
