"""What can be asked of a directory and what it answers: queries, entries, writes, replies. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

LOST = -1
"""Reply code: the connection broke before the answer came; the write may or may not have happened."""

NOT_SENT = -2
"""Reply code: the connection broke before this write was sent; it has not happened."""

SUCCESS = 0
NO_SUCH_ATTRIBUTE = 16
UNDEFINED_ATTRIBUTE = 17
VALUE_EXISTS = 20
NO_SUCH_OBJECT = 32
INSUFFICIENT_ACCESS = 50
BUSY = 51
UNAVAILABLE = 52
OBJECT_CLASS_VIOLATION = 65
NOT_ALLOWED_ON_NON_LEAF = 66
ENTRY_EXISTS = 68

CODE_NAMES = {
    LOST: "connection lost",
    NOT_SENT: "not sent",
    1: "operations error",
    2: "protocol error",
    3: "time limit exceeded",
    4: "size limit exceeded",
    8: "stronger authentication required",
    10: "referral",
    11: "administrative limit exceeded",
    12: "critical extension unavailable",
    16: "no such attribute",
    17: "undefined attribute type",
    18: "inappropriate matching",
    19: "constraint violation",
    20: "attribute or value exists",
    21: "invalid attribute syntax",
    32: "no such object",
    34: "invalid DN syntax",
    48: "inappropriate authentication",
    49: "invalid credentials",
    50: "insufficient access rights",
    51: "busy",
    52: "unavailable",
    53: "unwilling to perform",
    64: "naming violation",
    65: "object class violation",
    66: "not allowed on an entry that has entries below it",
    67: "not allowed on the naming attribute",
    68: "entry already exists",
    71: "affects several servers",
    80: "other error",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A search. `scope` is base, one or sub; `attributes` as asked of the server (`*`, `+` allowed).

    References to other servers make an answer incomplete, unless `ignore_references` (a directory of
    people at an Active Directory root always has some).
    """

    base: str
    filter: str = "(objectClass=*)"
    attributes: tuple[str, ...] = ("*",)
    scope: str = "sub"
    ignore_references: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as read: DN in the server's spelling, raw values by lower-case attribute name."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of an attribute that are text."""
        return tuple(value.decode(errors="replace") for value in self.attributes.get(name.lower(), ()))

    def text(self, name: str) -> str:
        """The first value of an attribute, or nothing."""
        return next(iter(self.texts(name)), "")


@dataclass(frozen=True, slots=True)
class Add:
    """Make an entry."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Modify:
    """Change values: (add | delete | replace, attribute, values) in order, all or nothing."""

    dn: str
    changes: tuple[tuple[str, str, tuple[bytes, ...]], ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a leaf entry."""

    dn: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give an entry another RDN, and another parent where `superior` is set; the old RDN value goes."""

    dn: str
    rdn: str
    superior: str = ""


Operation: TypeAlias = Add | Modify | Delete | Rename


@dataclass(frozen=True, slots=True)
class Reply:
    """How one write ended: result code (RFC 4511 §4.1.9, or `LOST`, `NOT_SENT`) and the server's words.

    `after` holds `entryuuid` of the entry where the server tells it with the answer (RFC 4527).
    """

    operation: Operation
    code: int
    text: str = ""
    after: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Code, its name and the server's own words, for a message."""
        words = f": {self.text}" if self.text else ""
        return f"{CODE_NAMES.get(self.code, 'error')} ({self.code}){words}"
