"""Every way syncd refuses or fails, as one tree; the class says what to do about it.

    SyncdError                 exit  retry
    ├── UsageError              64    no    the command line is wrong
    ├── MappingInvalid          65    no    mapping, roster or syncd.yaml; carries every Problem at once
    ├── Refused                  3    no    a limit or a missing approval stands in the way
    ├── Busy                    75    yes   another run holds the lease
    ├── Stale                   75    yes   somebody else changed it since it was looked at
    ├── StoreError               1    no    the store is missing, older or newer than this program, or damaged
    └── TargetError              4    no    a target could not be read or may not be written
        ├── Unreachable          4    yes   no connection, timeout, 5xx
        ├── LoginRefused         4    no    wrong secret, unknown client, bind refused
        ├── PermissionMissing    4    no    the account may not do what the mapping needs
        ├── NotTrusted           4    no    the certificate does not hold
        ├── PlaceMissing         4    no    the realm or the base does not exist
        └── IncompleteRead       4    yes   a read ended early: what was seen is not the whole

A retryable failure is `retryable = True`: a type, never a guess from the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

TAKEN_OVER = "this run stood still and another one may hold the mapping now, so nothing more is written"
"""Why a write was not sent."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a value was written: file (as the administrator named it), line and column, both from 1.

    Line 0 is that of something that has no lines, such as an act; `file` then says all there is.
    """

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the input: where, the dotted path of the value, what, and what to do.

    `severity` is `error` or `warning`; warnings never stop a run.
    """

    place: Place
    path: str
    message: str
    hint: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        where = f"{self.place}: {self.path}: " if self.path else f"{self.place}: "
        return f"{where}{self.message}{f'; {self.hint}' if self.hint else ''}"


class SyncdError(Exception):
    """Root of the tree: a message for the administrator and, where one is known, the remedy."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.run = ""  # the id of the run that it broke off

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message

    @property
    def in_one_line(self) -> str:
        """Message and remedy where there is room for one line: in a table, in a record."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UsageError(SyncdError):
    """The command line is wrong."""

    exit_code = 64


class MappingInvalid(SyncdError):
    """Input that cannot be used; carries every problem found, sorted by place.

    `quotable` says whether lines of the files at fault may be shown; syncd.yaml's may hold a secret.
    """

    exit_code = 65
    quotable: ClassVar[bool] = True

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Refused(SyncdError):
    """A limit or a missing approval stands in the way."""

    exit_code = 3


class Busy(SyncdError):
    """Another run holds the lease of this mapping."""

    exit_code = 75
    retryable = True


class Waits(SyncdError):
    """A pause or a maintenance window began before a run by itself wrote anything."""

    exit_code = 75
    retryable = True


class NotApart(SyncdError):
    """A run of a part of a mapping met what only a run of the whole can judge; nothing was written."""

    exit_code = 75
    retryable = True


class Stale(SyncdError):
    """What was decided on has been changed by somebody else meanwhile; nothing was written."""

    exit_code = 75
    retryable = True


class StoreError(SyncdError):
    """The store is missing, of another schema version, or damaged."""


class TargetError(SyncdError):
    """A target could not be read or may not be written; `target` is the connection's name."""

    exit_code = 4

    def __init__(self, target: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{target}: {message}", remedy)
        self.target = target


class Unreachable(TargetError):
    """No connection, a timeout, or a server that answers 5xx."""

    retryable = True


class LoginRefused(TargetError):
    """The secret is wrong or the account unknown or disabled."""


class PermissionMissing(TargetError):
    """The account logs in but may not do what the mapping needs."""


class NotTrusted(TargetError):
    """The server's certificate does not hold."""


class PlaceMissing(TargetError):
    """The realm, client or base that the mapping names does not exist."""


class IncompleteRead(TargetError):
    """A read ended before its end: size limit, lost page, changed count. Unknown is never empty."""

    retryable = True
