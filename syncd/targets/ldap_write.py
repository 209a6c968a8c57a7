"""Writing one wave: moves, new entries, changed attributes, memberships, removals, in this order.

Within a step everything is on the wire at once; between steps the answers are waited for, and entries
are made parents first and removed leaves first even if a wave should hold both. Whatever a server
refuses is looked at before it is reported: what is so already is done, what is in the way is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.errors import TargetError
from syncd.ldapwire import dn
from syncd.ldapwire.operations import (
    ENTRY_EXISTS,
    NO_SUCH_ATTRIBUTE,
    NO_SUCH_OBJECT,
    OBJECT_CLASS_VIOLATION,
    SUCCESS,
    VALUE_EXISTS,
    Add,
    Delete,
    Modify,
    Reply,
)
from syncd.model import Key, Kind, Op, Outcome, Result
from syncd.targets.ldap_entries import Known
from syncd.targets.ldap_members import Memberships
from syncd.targets.ldap_moves import Moves
from syncd.targets.ldap_outcomes import done, outcome_of, refused, unknown
from syncd.targets.ldap_profile import PERSON_CLASSES, PLACEHOLDER
from syncd.targets.ldap_read import UUID, native_of
from syncd.targets.ldap_send import Sender
from syncd.targets.ldap_values import (
    container_attrs,
    edits,
    entry_values,
    fold_place,
    lock_edits,
    mark_of,
    names_of,
    person_attrs,
    wanted_rdn,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.ldapwire.directory import Directory
    from syncd.model import Attrs, Change
    from syncd.targets.ldap_entries import Entries
    from syncd.targets.ldap_profile import LdapProfile
    from syncd.targets.ldap_values import Edits

ANY_ATTRIBUTE = b"extensibleObject"  # RFC 4512 §4.3: lets `mail` stand on a groupOfNames


@dataclass(frozen=True, slots=True)
class _Target:
    """An entry whose attributes are to change; `names` are the values that its RDN holds or held."""

    change: Change
    dn: str
    names: Mapping[str, set[str]]

    def edits(self, before: Attrs) -> Edits:
        change = self.change
        parts = edits(change.attrs, before, change.clear, self.names)
        return [*parts, *lock_edits(change.attrs, before)] if change.key.kind is Kind.PERSON else parts


class Wave:
    """Writes one wave of changes of one output."""

    def __init__(
        self,
        directory: Directory,
        profile: LdapProfile,
        entries: Entries,
        natives: Mapping[Key, str],
        *,
        may_be_empty: bool,
    ) -> None:
        self._directory = directory
        self._profile = profile
        self._entries = entries
        self._natives = natives
        self._may_be_empty = may_be_empty
        self._sender = Sender(directory)
        self._moves = Moves(directory, entries, self._sender)
        self._members = Memberships(directory, profile, entries, self._sender, may_be_empty=may_be_empty)

    def apply(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Exactly one outcome for each change."""
        writes: list[Change] = []
        for change in changes:
            why = self._outside(change)
            if why:
                yield refused(change, why)
            elif not change.writes:
                yield done(change)
            else:
                writes.append(change)
        members = [change for change in writes if change.key.kind is Kind.MEMBER]
        others = [change for change in writes if change.key.kind is not Kind.MEMBER]
        yield from self._move([change for change in others if change.op is Op.MOVE])
        yield from self._create([change for change in others if change.op is Op.CREATE])
        yield from self._update([change for change in others if change.op in (Op.UPDATE, Op.ADOPT)])
        yield from self._members.apply(members, self._natives)
        yield from self._delete([change for change in others if change.op is Op.DELETE])

    # ---- limits of the output

    def _outside(self, change: Change) -> str:
        """Why this output may not write the change, or nothing."""
        profile, key = self._profile, change.key
        if key.kind is Kind.PERSON:
            if not profile.manages_people:
                return f"{key}: people are only referred to; set people: manage to write their entries"
            wanted = change.attrs.get("dn", ())
            if change.op is Op.CREATE and not (wanted and _is_below(wanted[0], profile.people_base)):
                shown = wanted[0] if wanted else "an entry without dn"
                return f"{shown}: not below people_base {profile.people_base}; correct `person`"
            return ""
        places = (key.place, *((change.old.place,) if change.old else ()))
        if all(len(place) > 1 and dn.same(place[0], profile.base) for place in places):
            return ""
        return f"{key}: outside the base {profile.base}, where this output may not write"

    # ---- new entries

    def _create(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        for level in _levels(changes):
            jobs = [(change, self._add(change)) for change in level]
            replies = list(self._sender.send(jobs))
            yield from (self._created(change, reply) for change, reply in replies)

    def _add(self, change: Change) -> Add:
        kind, attrs = change.key.kind, change.attrs
        if kind is Kind.PERSON:
            where = attrs["dn"][0]
            rdn = dn.parse(where)[0]
        else:
            rdn = wanted_rdn(change.key.place[-1], attrs)
            where = f"{rdn},{self._entries.dn_at(change.key.place[:-1])}"
        values = {"objectClass": self._classes(kind), **entry_values(attrs, rdn)}
        if kind is Kind.GROUP and not self._may_be_empty:
            values[self._profile.member] = (PLACEHOLDER.encode(),)
        if self._profile.marker:
            name = self._profile.marker_attribute.lower()
            values[name] = (*values.get(name, ()), self._profile.mark)
        return Add(where, values)

    def _classes(self, kind: Kind) -> tuple[bytes, ...]:
        if kind is Kind.PERSON:
            name = self._profile.person_class
            names = PERSON_CLASSES.get(name.lower(), (*PERSON_CLASSES["inetorgperson"], name))
        else:
            names = ("top", "organizationalUnit" if kind is Kind.OU else self._profile.group_class)
        if kind is Kind.GROUP and self._profile.by_login and self._profile.marker:
            names = (*names[:1], ANY_ATTRIBUTE.decode(), *names[1:])  # posixGroup has no room for the mark
        return tuple(name.encode() for name in names)

    def _created(self, change: Change, reply: Reply) -> Outcome:
        add = reply.operation
        if reply.code == OBJECT_CLASS_VIOLATION and isinstance(add, Add):
            values = {**add.attributes, "objectClass": (*add.attributes["objectClass"], ANY_ATTRIBUTE)}
            wider = self._sender.send_one(Add(add.dn, values))
            reply = wider if wider.code != OBJECT_CLASS_VIOLATION else reply
        try:
            if reply.code == ENTRY_EXISTS:
                return self._taken(change, add.dn)
            if reply.code != SUCCESS:
                return outcome_of(change, reply, add.dn)
            native = next((value.decode() for value in reply.after.get(UUID.lower(), ())), "")
            return self._made(change, add.dn, native or self._native_at(add.dn))
        except TargetError as error:
            return unknown(change, f"{add.dn}: {error.message}")

    def _made(self, change: Change, where: str, native: str) -> Outcome:
        self._learn(change, where, native)
        if change.key.kind is Kind.GROUP:
            group = self._entries.by_native[native]
            group.members, group.placeholder = set(), not self._may_be_empty
        if change.key.kind is Kind.PERSON and (lock := lock_edits(change.attrs, {})):
            reply = self._sender.send_one(Modify(where, tuple(lock)))
            if reply.code != SUCCESS:
                return unknown(
                    change, f"{where}: made, but not locked: {reply.reason}; the next run tries again"
                )
        return done(change, native)

    def _taken(self, change: Change, where: str) -> Outcome:
        """The entry exists: ours by its mark if an answer was lost once, else somebody's."""
        entry = self._directory.entry(where, ("*", UUID))
        if entry is None:
            return unknown(change, f"{where}: exists, but cannot be seen; allow syncd's account to read it")
        own_class = self._classes(change.key.kind)[-1].decode().lower()
        same_class = own_class in {name.lower() for name in entry.texts("objectClass")}
        if same_class and self._profile.marker and mark_of(entry, self._profile) == self._profile.marker:
            native = native_of(self._directory, entry)
            self._learn(change, entry.dn, native)
            return done(change, native)
        classes = ", ".join(entry.texts("objectClass"))
        return refused(
            change,
            f"{entry.dn}: exists already ({classes}) and syncd did not make it; rename one, or adopt it",
        )

    def _learn(self, change: Change, where: str, native: str) -> None:
        if change.key.kind is Kind.PERSON:
            self._entries.people[native] = where
            naming = names_of(dn.parse(where)[0]).get("uid", set())
            self._entries.logins[native] = (*sorted(naming), *change.attrs.get("uid", ()))
        else:
            self._entries.add(Known(where, change.key.place, native))

    def _native_at(self, where: str) -> str:
        entry = self._directory.entry(where, (UUID,))
        if entry is None:
            raise TargetError(self._directory.settings.name, f"{where} was made but cannot be read")
        return native_of(self._directory, entry)

    # ---- changed entries

    def _update(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        """Rename where the naming attribute changes, then the other values."""
        todo: list[_Target] = []
        for change in changes:
            where = self._dn_of(change)
            if where is None:
                yield self._gone(change)
                continue
            present, *parents = dn.parse(where)
            wanted = _renamed(change, present)
            if wanted == present:
                todo.append(_Target(change, where, names_of(present)))
                continue
            reply = self._moves.rename(change, where, wanted)
            if reply.code == SUCCESS:
                todo.append(_Target(change, dn.join((wanted, *parents)), names_of(f"{wanted}+{present}")))
            else:
                yield outcome_of(change, reply, where)
        yield from self._edit(todo)

    def _edit(self, todo: Sequence[_Target]) -> Iterator[Outcome]:
        jobs: list[tuple[_Target, Modify]] = []
        for target in todo:
            if parts := target.edits(target.change.before):
                jobs.append((target, Modify(target.dn, tuple(parts))))
            else:
                yield done(target.change, self._native(target.change))
        replies = list(self._sender.send(jobs))
        yield from (self._edited(target, reply) for target, reply in replies)

    def _edited(self, target: _Target, reply: Reply) -> Outcome:
        if reply.code in (NO_SUCH_ATTRIBUTE, VALUE_EXISTS):
            reply = self._again(target, reply)
        if reply.code == OBJECT_CLASS_VIOLATION and isinstance(reply.operation, Modify):
            wider = (("add", "objectClass", (ANY_ATTRIBUTE,)), *reply.operation.changes)
            second = self._sender.send_one(Modify(target.dn, wider))
            reply = second if second.code == SUCCESS else reply
        return outcome_of(target.change, reply, target.dn, self._native(target.change))

    def _again(self, target: _Target, reply: Reply) -> Reply:
        """The entry was not as it was read: look once more and write what is still to be written."""
        try:
            entry = self._directory.entry(target.dn)
        except TargetError:
            return reply
        if entry is None:
            return Reply(reply.operation, NO_SUCH_OBJECT)
        read = person_attrs if target.change.key.kind is Kind.PERSON else container_attrs
        parts = target.edits(read(entry, self._profile))
        return (
            self._sender.send_one(Modify(target.dn, tuple(parts)))
            if parts
            else Reply(reply.operation, SUCCESS)
        )

    # ---- moved entries

    def _move(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        moved: list[_Target] = []
        for change, result in self._moves.apply(changes, self._native):
            if isinstance(result, Outcome):
                yield result
            else:
                moved.append(_Target(change, result, names_of(f"{dn.parse(result)[0]}+{_old_rdn(change)}")))
        yield from self._edit(moved)

    # ---- removed entries

    def _delete(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        for level in reversed(_levels(changes)):
            jobs: list[tuple[tuple[Change, str], Delete]] = []
            for change in level:
                where = self._dn_of(change)
                if where is None:
                    yield done(change)  # the entry with that id is gone; another at its place is not ours
                else:
                    jobs.append(((change, where), Delete(where)))
            for (change, where), reply in self._sender.send(jobs):
                yield self._deleted(change, where, reply)

    def _deleted(self, change: Change, where: str, reply: Reply) -> Outcome:
        if reply.code not in (SUCCESS, NO_SUCH_OBJECT):
            return outcome_of(change, reply, where)
        native = self._native(change)
        self._entries.people.pop(native, None)
        known = self._entries.find(native, fold_place(change.key.place))
        if known is not None:
            self._entries.forget(known)
        return done(change, native)

    # ---- which entry

    def _native(self, change: Change) -> str:
        old = change.old or change.key
        return change.native or self._natives.get(change.key, "") or self._natives.get(old, "")

    def _dn_of(self, change: Change) -> str | None:
        """The entry that a change is about: by its id where one is known, else by its place."""
        native = self._native(change)
        if change.key.kind is Kind.PERSON:
            return self._entries.people.get(native)
        known = self._entries.find(native, change.key.place)
        return known.dn if known else None

    def _gone(self, change: Change) -> Outcome:
        shown = (
            self._native(change) if change.key.kind is Kind.PERSON else self._entries.dn_at(change.key.place)
        )
        return Outcome(
            change, Result.REFUSED, "", f"{shown}: no such entry any more; the next run makes it anew"
        )


def _is_below(text: str, base: str) -> bool:
    try:
        return dn.is_below(text, base)
    except dn.DnError:
        return False


def _levels(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes by depth of their place, parents first; people stand apart from containers."""
    depths = sorted({len(change.key.place) for change in changes})
    return [[change for change in changes if len(change.key.place) == depth] for depth in depths]


def _renamed(change: Change, present: str) -> str:
    """The RDN that the entry should have: the present one unless the naming attribute is wanted otherwise."""
    if change.key.kind is not Kind.PERSON:
        return wanted_rdn(present, change.attrs)
    parts = []
    for name, values in names_of(present).items():
        wanted = change.attrs.get(name, ())
        parts += [dn.rdn(name, v if v in wanted or not wanted else wanted[0]) for v in sorted(values)]
    return "+".join(parts) or present


def _old_rdn(change: Change) -> str:
    return (change.old or change.key).place[-1]
