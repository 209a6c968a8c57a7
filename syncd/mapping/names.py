"""PURE: which role a file means by a name, in a unit of one kind or anywhere in the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.mapping.suggestions import meant_or_listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.mapping.schema import RoleModel


class UnknownName(LookupError):
    """A name that means nothing here; `hint` is what may be meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def short(role: str) -> str:
    """The part of a role's name after its slash."""
    return role.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class RoleNames:
    """The roles of a model, by full name and, where unambiguous, by short name."""

    roles: Mapping[str, RoleModel]

    def in_scope(self, kind: str) -> tuple[str, ...]:
        """The roles that a unit of this kind may give, in order of their names."""
        return tuple(
            sorted(name for name, role in self.roles.items() if not role.scope or kind in role.scope)
        )

    def anywhere(self, text: str) -> str:
        """The role named so in the whole model; raises `UnknownName`."""
        return self._only(text, self.roles, "")

    def within(self, text: str, kind: str) -> str:
        """The role named so in units of this kind; raises `UnknownName`."""
        if text in self.roles:
            scope = self.roles[text].scope
            if not scope or kind in scope:
                return text
        return self._only(text, self.in_scope(kind), kind)

    def default(self, kind: str, default_role: str | None) -> str:
        """The role that a bare list of members means; raises `UnknownName`."""
        scope = self.in_scope(kind)
        if default_role in scope:
            return str(default_role)
        plain = [name for name in scope if not self.roles[name].inherits]
        if len(plain) == 1:
            return plain[0]
        known = ", ".join(short(name) for name in scope) or "none"
        raise UnknownName(
            f"a bare list does not say which role is meant in units of kind {kind}",
            f"write {{ROLE: […]}}: {known}",
        )

    def _only(self, text: str, scope: Iterable[str], kind: str) -> str:
        names = tuple(scope)
        if text in names:
            return text
        found = [name for name in names if short(name) == text]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownName(f'the role "{text}" is ambiguous', f"write {' or '.join(sorted(found))}")
        if kind and text in self.roles:
            scope_of = ", ".join(self.roles[text].scope)
            raise UnknownName(
                f'the role "{text}" is not for units of kind {kind}', f"its scope is {scope_of}"
            )
        known = {*names, *(short(name) for name in names)}
        raise UnknownName(f'unknown role "{text}"', meant_or_listed(text, known))
