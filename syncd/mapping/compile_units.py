"""PURE: the tree of units: ids, former ids, roles in scope, grants, and what attached units lend.

A unit is known by its `id`, else by its path; what it was before is kept beside it, so that a rename
or a move costs no membership. A path below a renamed unit was renamed with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.mapping.compiled import Unit
from syncd.mapping.limits import looser, overlay
from syncd.mapping.names import RoleNames, UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.mapping.compile_findings import Findings, Keys
    from syncd.mapping.compiled import RootModel
    from syncd.mapping.schema import KindModel, MappingDocument, Policy, UnitModel
    from syncd.model import Path


@dataclass(frozen=True, slots=True)
class Node:
    """A unit as the file has it, with where it stands and which model holds for it."""

    path: Path
    kind: str
    data: UnitModel
    keys: Keys
    model: RootModel

    @property
    def declared(self) -> KindModel:
        """What the model says of its kind."""
        return self.model.document.kinds[self.kind]

    @property
    def names(self) -> RoleNames:
        """How files may name the roles of its model."""
        return RoleNames(self.model.document.roles)


def walk(document: MappingDocument, models: Mapping[str, RootModel]) -> Iterator[Node]:
    """Every unit, above before below, siblings by name."""
    for kind, named in sorted(document.units.items()):
        for name, data in sorted(named.items()):
            root = Node((name,), kind, data, (document.plural(kind), name), models[name])
            yield root
            yield from _below(root, document)


def _below(node: Node, document: MappingDocument) -> Iterator[Node]:
    for kind, named in sorted(node.data.units.items()):
        for name, data in sorted(named.items()):
            child = Node(
                (*node.path, name), kind, data, (*node.keys, document.plural(kind), name), node.model
            )
            yield child
            yield from _below(child, document)


def compile_units(nodes: Mapping[Path, Node], findings: Findings) -> dict[Path, Unit]:
    """Every unit, checked; the mapping's own policy is that of the document."""
    units: dict[Path, Unit] = {}
    for path, node in nodes.items():
        above = units[path[:-1]].policy if len(path) > 1 else node.model.document.policy
        units[path] = _unit(node, above, findings)
    return _with_lent(_with_former(units, nodes), nodes, findings)


def roles_in_scope(node: Node) -> tuple[str, ...]:
    """The roles that may be held in the unit, sorted."""
    return tuple(name for name, role in sorted(node.model.roles.items()) if node.kind in role.scope)


def grants_of(node: Node, findings: Findings) -> dict[str, tuple[tuple[str, str], ...]]:
    """Existing roles given to holders: role → (client id or "", role name)."""
    grants: dict[str, tuple[tuple[str, str], ...]] = {}
    for written, names in sorted(node.data.grants.items()):
        keys = (*node.keys, "grants", written)
        try:
            role = node.names.within(written, node.kind)
        except UnknownName as unknown:  # where a variant took the role away
            findings.error(keys, unknown.message, unknown.hint)
            continue
        split = [name.partition("/") for name in names]
        grants[role] = tuple(
            sorted({(client, name) if slash else ("", client) for client, slash, name in split})
        )
    return grants


def _unit(node: Node, above: Policy, findings: Findings) -> Unit:
    data, own = node.data, node.data.policy
    for field in looser(own, above) if own else ():
        if field != "protected":
            findings.error((*node.keys, "policy", field), "only a stricter policy than above may stand here")
    return Unit(
        path=node.path,
        kind=node.kind,
        uid=data.id or _slashed(node.path),
        former=(),
        title=data.title,
        description=data.description,
        attributes=data.attributes,
        state=data.state or node.declared.states[0],
        access=data.access or node.declared.access[0],
        attached_to=tuple(sorted(tuple(target.strip("/").split("/")) for target in data.attached_to)),
        roles=roles_in_scope(node),
        grants=grants_of(node, findings),
        unmanaged=frozenset(roles_in_scope(node) if data.members == "unmanaged" else ()),
        policy=overlay(above, own) if own else above,
        place=findings.at(node.keys),
        ident=data.id or "",
    )


def former_paths(node: Node) -> list[Path]:
    """The paths at which `formerly` of this unit says it stood; a bare name stood beside it."""
    return [
        tuple(old.strip("/").split("/")) if old.startswith("/") else (*node.path[:-1], old)
        for old in node.data.formerly
    ]


def _with_former(units: Mapping[Path, Unit], nodes: Mapping[Path, Node]) -> dict[Path, Unit]:
    """Give every unit the ids it had: own former paths below the former paths of the unit above."""
    stood: dict[Path, list[Path]] = {}
    renamed: dict[Path, Unit] = {}
    for path, unit in units.items():
        above = stood.get(path[:-1], [()])
        candidates = [*former_paths(nodes[path])]
        candidates += [(*base, path[-1]) for base in above]
        candidates += [
            (*base, old[-1]) for base in above for old in former_paths(nodes[path]) if old[:-1] == path[:-1]
        ]
        stood[path] = [path, *dict.fromkeys(old for old in candidates if old != path)]
        former = dict.fromkeys(uid for old in stood[path] if (uid := _slashed(old)) != unit.uid)
        renamed[path] = replace(unit, former=tuple(sorted(former)))
    return renamed


def _with_lent(units: dict[Path, Unit], nodes: Mapping[Path, Node], findings: Findings) -> dict[Path, Unit]:
    """Name the roles that attached units lend, which must not mean anything of their own there."""
    lent: dict[Path, set[str]] = {}
    for path, unit in units.items():
        for target in unit.attached_to:
            lent.setdefault(target, set()).update(unit.roles)
            for role in sorted(set(unit.roles).intersection(units[target].roles if target in units else ())):
                findings.error(
                    (*nodes[path].keys, "attached_to"),
                    f'the role "{role}" is one of {_slashed(target)} itself; lent ones carry no permissions',
                    f"limit the scope of the role to {unit.kind}",
                )
    return {path: replace(unit, lent=tuple(sorted(lent.get(path, ())))) for path, unit in units.items()}


def _slashed(path: Path) -> str:
    return "/" + "/".join(path)
