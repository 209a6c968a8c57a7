"""PURE: which lines name the members of which role in which unit, and in what order to work them out.

`members_of` makes one role depend on others, so the roles are worked out in the order of those
dependencies; a circle is an error at the line that closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, TypeAlias

from syncd.ldapwire.dn import escape_rdn_value
from syncd.mapping.compile_units import roles_in_scope
from syncd.mapping.names import UnknownName
from syncd.mapping.schema import DirectoryMember, PersonMember, RosterMember, UnitMember
from syncd.mapping.suggestions import meant_or_listed
from syncd.mapping.template import UNIT_NAMES, MissingValue, TemplateError, parse
from syncd.model import Path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncd.acts import Grant
    from syncd.mapping.compile_findings import Findings, Keys
    from syncd.mapping.compile_units import Node
    from syncd.mapping.schema import MemberEntry
    from syncd.mapping.template import Values

Slot: TypeAlias = tuple[Path, str]
"""A role in a unit."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of `members`; `shared` where the kind has it for all of its units."""

    entry: MemberEntry
    keys: Keys
    shared: bool = False


@dataclass(slots=True)
class Lines:
    """Every line by role and unit, and what acts give there; every role with acts is in `of`, too."""

    nodes: Mapping[Path, Node]
    values: Callable[[Node], Values]
    findings: Findings
    of: dict[Slot, list[Line]] = field(default_factory=dict)
    acts: dict[Slot, list[Grant]] = field(default_factory=dict)


def gather(nodes: Mapping[Path, Node], values: Callable[[Node], Values], findings: Findings) -> Lines:
    """The lines of every unit, those of its kind first, with role names resolved and templates filled."""
    lines = Lines(nodes, values, findings)
    for node in nodes.values():
        if node.data.members == "unmanaged":
            continue
        shared = node.declared.members
        for written, entries in shared.items():
            _take(
                lines,
                node,
                written,
                (_filled(lines, node, line) for line in _lines(node, written, entries, shared=True)),
            )
        for written, entries in node.data.members.items():
            _take(lines, node, written, _lines(node, written, entries, shared=False))
    return lines


def in_order(lines: Lines) -> list[Slot]:
    """The slots, each behind those it depends on; a circle is noted as an error and nothing is in order."""
    graph = {slot: sorted(set(_needs(lines, slot))) for slot in sorted(lines.of)}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        shown = " → ".join(f'"{role}" of /{"/".join(path)}' for path, role in circle)
        closing = [line for line in lines.of[circle[0]] if isinstance(line.entry, UnitMember)]
        hint = "take one of the `members_of` lines out"
        lines.findings.error(
            closing[0].keys, f"members are taken from one another in a circle: {shown}", hint
        )
        return []


def sources_of(lines: Lines, slot: Slot, line: Line) -> Iterator[Slot]:
    """The slots whose holders a `members_of` line takes over: the role, and those that inherit it."""
    entry = line.entry
    if not isinstance(entry, UnitMember):
        return
    target = relative(entry.members_of, slot[0])
    inside = (path for path in lines.nodes if path[: len(target)] == target) if entry.below else (target,)
    for path in inside:
        node = lines.nodes.get(path)
        for name in roles_in_scope(node) if node else ():
            if any(
                entry.role in (each, each.rpartition("/")[2])
                for each in lines.nodes[path].model.roles[name].closure
            ):
                yield path, name


def relative(written: str, here: Path) -> Path:
    """The unit that `/path`, `..` or `../name` means, seen from the unit `here`."""
    if written.startswith("/"):
        return tuple(part for part in written.split("/") if part)
    path = list(here)
    for step in written.split("/"):
        if step == "..":
            path = path[:-1]
        elif step not in ("", "."):
            path.append(step)
    return tuple(path)


def _needs(lines: Lines, slot: Slot) -> Iterator[Slot]:
    for line in lines.of[slot]:
        yield from (source for source in sources_of(lines, slot, line) if source in lines.of)


def _lines(node: Node, written: str, entries: Iterable[MemberEntry], *, shared: bool) -> Iterator[Line]:
    within = ("kinds", node.kind, "members", written) if shared else (*node.keys, "members")
    keys = within if shared or not written else (*within, written)
    for index, entry in enumerate(entries):
        yield Line(entry, (*keys, index), shared)


def _take(lines: Lines, node: Node, written: str, found: Iterable[Line | None]) -> None:
    """Put lines under the role that they mean, where that role may be given by files."""
    kept = [line for line in found if line is not None]
    keys: Keys = kept[0].keys[:-1] if kept else (*node.keys, "members", written)
    default = node.model.document.invitations.default_role
    try:
        role = node.names.within(written, node.kind) if written else node.names.default(node.kind, default)
    except UnknownName as unknown:
        lines.findings.error(keys, unknown.message, unknown.hint)
        return
    slot = lines.of.setdefault((node.path, role), [])
    for line in kept:
        if _may_stand(lines, node, role, line):
            slot.append(line)


def _may_stand(lines: Lines, node: Node, role: str, line: Line) -> bool:
    """Whether files may give this role by this line at all."""
    declared, entry, refuse = node.model.document.roles[role], line.entry, lines.findings.error
    if not declared.assignable:
        refuse(line.keys, f'the role "{role}" cannot be given', "here it is `assignable: false`")
    elif declared.assigned_by == "transfer" and not (isinstance(entry, PersonMember) and entry.initial):
        hint = "name the first holder with {person: …, initial: true}"
        refuse(line.keys, f'the role "{role}" changes hands by transfer, not by files', hint)
    elif declared.expires is not None and not _can_end(entry):
        refuse(
            line.keys, f'the role "{role}" must end', "add `until`" if isinstance(entry, PersonMember) else ""
        )
    else:
        return True
    return False


def _can_end(entry: MemberEntry) -> bool:
    return isinstance(entry, (PersonMember, RosterMember)) and entry.until is not None


def target_exists(lines: Lines, slot: Slot, line: Line, entry: UnitMember) -> bool:
    """Whether `members_of` leads to a unit; a template of the kind may lead one of its units nowhere."""
    found = relative(entry.members_of, slot[0]) in lines.nodes
    if not found:
        paths = ("/" + "/".join(path) for path in lines.nodes)
        hint = meant_or_listed(entry.members_of, paths)
        lines.findings.error(line.keys, f'there is no unit "{entry.members_of}"', hint)
    return found


def _filled(lines: Lines, node: Node, line: Line) -> Line | None:
    """A line of the kind with the unit's values in its templates."""
    try:
        return Line(
            _entry(
                line.entry,
                lambda text, escape=str: parse(text, UNIT_NAMES).render(lines.values(node), escape),
            ),
            line.keys,
            line.shared,
        )
    except MissingValue as missing:
        where = lines.findings.at(line.keys)
        message = f"the members of its kind ({where}) need {{{missing.name}}}, which this unit does not have"
        lines.findings.error(node.keys, message, f"give the unit `{missing.name}`")
    except TemplateError as error:
        lines.findings.error(line.keys, error.message, error.hint)
    return None


def _entry(entry: MemberEntry, fill: Callable[..., str]) -> MemberEntry:
    match entry:
        case PersonMember():
            return entry.model_copy(update={"person": fill(entry.person)})
        case RosterMember():
            excepted = tuple(map(fill, entry.except_))
            changed = {"roster": fill(entry.roster), "where": _where(entry, fill), "except_": excepted}
            return entry.model_copy(update=changed)
        case UnitMember():
            return entry.model_copy(
                update={"members_of": fill(entry.members_of), "except_": tuple(map(fill, entry.except_))}
            )
        case DirectoryMember():
            group = entry.ldap_group.model_copy(update={"dn": fill(entry.ldap_group.dn, escape_rdn_value)})
            return entry.model_copy(update={"ldap_group": group})


def _where(entry: RosterMember, fill: Callable[..., str]) -> object:
    if entry.where == "all":
        return "all"
    return {
        fill(name): wanted.model_copy(
            update={"values": tuple(map(fill, wanted.values)), "not_": tuple(map(fill, wanted.not_))}
        )
        for name, wanted in entry.where.items()
    }
