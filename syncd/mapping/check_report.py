"""PURE: collects what the checks of a document find, each at its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.mapping.names import RoleNames, UnknownName
from syncd.mapping.suggestions import meant_or_listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from syncd.errors import Problem
    from syncd.mapping.places import Places
    from syncd.mapping.schema import MappingDocument, UnitModel
    from syncd.model import Path

    Keys = tuple[str | int, ...]


OWN = "syncd."


@dataclass(slots=True)
class Report:
    """The document under check, where it is written, and the problems so far."""

    document: MappingDocument
    places: Places
    roles: RoleNames
    problems: list[Problem] = field(default_factory=list)

    def error(self, keys: Keys, message: str, hint: str = "") -> None:
        """Something wrong, pointing to the key or item at `keys`."""
        self.problems.append(self.places.problem(keys, message, hint))

    def value(self, keys: Keys, message: str, hint: str = "") -> None:
        """Something wrong, pointing to the value at `keys`."""
        self.problems.append(self.places.problem(keys, message, hint, value=True))

    def warn(self, keys: Keys, message: str, hint: str = "") -> None:
        """Something doubtful; it stops nothing."""
        self.problems.append(self.places.problem(keys, message, hint, severity="warning"))

    def items(self, keys: Keys, values: Collection[str]) -> Iterator[tuple[Keys, str]]:
        """Each value of a list with its place; one value may stand without its list."""
        for index, value in enumerate(values):
            item = (*keys, index)
            yield (item if self.places.has(item) else keys), value

    def known(self, keys: Keys, values: Collection[str], known: Collection[str], what: str) -> None:
        """Every value is one of the known ones."""
        for where, value in self.items(keys, values):
            if value not in known:
                self.value(where, f'unknown {what} "{value}"', meant_or_listed(value, known))

    def role(self, keys: Keys, text: str, *, kind: str = "", key: bool = False) -> str | None:
        """The role that `text` names, in units of `kind` or anywhere; else None and a problem."""
        try:
            return self.roles.within(text, kind) if kind else self.roles.anywhere(text)
        except UnknownName as unknown:
            say: Callable[[Keys, str, str], None] = self.error if key else self.value
            say(keys, unknown.message, unknown.hint)
            return None

    def attribute(self, keys: Keys, name: str) -> None:
        """An attribute that others may write: what syncd keeps in its own grants rights."""
        if name.startswith(OWN):
            self.error(keys, "attributes that begin with syncd. are syncd's own", "rename it")

    def role_list(self, keys: Keys, values: Collection[str]) -> None:
        """Every value names a role of the model."""
        for where, value in self.items(keys, values):
            self.role(where, value)


@dataclass(frozen=True, slots=True)
class Located:
    """A unit, the keys that lead to it, and the kind of the unit above (`""` for a root)."""

    names: Path
    keys: Keys
    kind: str
    above: str
    unit: UnitModel


def located(document: MappingDocument) -> Iterator[Located]:
    """Every unit, above before below."""
    plurals = {kind: document.plural(kind) for kind in document.kinds}
    yield from _located(document.units, plurals, (), (), "")


def _located(
    units: dict[str, dict[str, UnitModel]], plurals: dict[str, str], names: Path, keys: Keys, above: str
) -> Iterator[Located]:
    for kind, named in units.items():
        for name, unit in named.items():
            here = Located((*names, name), (*keys, plurals[kind], name), kind, above, unit)
            yield here
            yield from _located(unit.units, plurals, here.names, here.keys, kind)
