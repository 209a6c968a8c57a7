"""PURE: the problems found while a mapping is compiled, each put at the place where it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from syncd.errors import MappingInvalid, Problem

if TYPE_CHECKING:
    from syncd.errors import Place
    from syncd.mapping.places import Places

Keys: TypeAlias = tuple[str | int, ...]
"""The keys and list positions that lead to a value in the merged file."""


@dataclass(slots=True)
class Findings:
    """Everything wrong or doubtful so far; all problems are told at once, never the first alone."""

    places: Places
    problems: list[Problem] = field(default_factory=list)

    def error(self, keys: Keys, message: str, hint: str = "") -> None:
        """Something that makes the mapping unusable."""
        self.problems.append(self.places.problem(keys, message, hint))

    def warning(self, keys: Keys, message: str, hint: str = "") -> None:
        """Something that is probably not meant, and does not stop a run."""
        self.problems.append(self.places.problem(keys, message, hint, severity="warning"))

    def note(self, place: Place, path: str, message: str, hint: str, severity: str) -> None:
        """Something at a known place, which may lie in a roster rather than in the mapping."""
        self.problems.append(Problem(place, path, message, hint, severity))

    def at(self, keys: Keys) -> Place:
        """Where the value was written."""
        return self.places.at(keys)

    def stop_if_wrong(self) -> None:
        """Raise `MappingInvalid` with everything found, where any of it is an error."""
        if any(problem.severity == "error" for problem in self.problems):
            raise MappingInvalid(set(self.problems))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What does not stop a run, by place."""
        return tuple(sorted({problem for problem in self.problems if problem.severity == "warning"}))
