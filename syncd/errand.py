"""Requests that one process is asked and another one answers: a front desk, and the office behind it.

A process that faces people need not hold a secret of any server, the integrity key, or a login that may
write: it hands every request over as it came, whoever carries it out decides as if it had been asked itself,
and what is answered goes back unchanged.

Promises (tests/contract/test_errands.py): an errand is taken by one worker, once, and before its deadline or
never · one that was taken is never repeated, whatever becomes of its worker, because acts are not to be done
twice · who waits learns whether nothing was done or something may have been · requests and answers hold
tokens and people: they are in no log, and are deleted when they are done with.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

Headers = tuple[tuple[str, str], ...]

UNTAKEN = "nothing was done: no worker took the request in time, try again"
CROWDED = "nothing was done: too many requests wait already, try again"
SHUT = "nothing was done: syncd's own store cannot be used now, try again"
UNFINISHED = "no answer came; what was asked may have been done, so look before you ask again"
RESULTS = {UNTAKEN: "untaken", CROWDED: "crowded", SHUT: "store", UNFINISHED: "unfinished"}
"""In a word what the text of an `Unanswered` says."""


class Unanswered(Exception):
    """No answer; the text says to whoever waits what may have been done meanwhile."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A request of HTTP: `path` as it was sent, with its escapes, and of the headers those that matter."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    def packed(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": [list(one) for one in self.headers],
            "body": base64.b64encode(self.body).decode(),
        }

    @classmethod
    def unpacked(cls, packed: Any) -> Self:
        """The other way; raises `ValueError`, which names nothing of it, for what `packed` never made."""
        try:
            headers = tuple((str(name), str(value)) for name, value in packed["headers"])
            method, path, query = (str(packed[name]) for name in ("method", "path", "query"))
            return cls(method, path, query, headers, base64.b64decode(packed["body"], validate=True))
        except (LookupError, TypeError, ValueError):
            raise ValueError("it is no request") from None


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    headers: Headers
    body: bytes


Send = Callable[[Errand], Reply]
"""Has an errand answered; raises `Unanswered`."""


class Office(Protocol):
    """Whoever carries errands out, as a front desk sees it."""

    def send(self, errand: Errand) -> Reply:
        """See `Send`."""

    def waiting(self) -> int:
        """How many errands nobody has taken, of all front desks. Raises `StoreError`."""
