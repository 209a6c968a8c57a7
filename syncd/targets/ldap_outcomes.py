"""What a reply of the directory means for one change, and what an administrator should do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ldapwire.operations import (
    BUSY,
    INSUFFICIENT_ACCESS,
    LOST,
    NO_SUCH_OBJECT,
    NOT_ALLOWED_ON_NON_LEAF,
    NOT_SENT,
    OBJECT_CLASS_VIOLATION,
    SUCCESS,
    UNAVAILABLE,
    UNDEFINED_ATTRIBUTE,
)
from syncd.model import Outcome, Result

if TYPE_CHECKING:
    from syncd.ldapwire.operations import Reply
    from syncd.model import Change

_REMEDIES = {
    INSUFFICIENT_ACCESS: "allow syncd's account to write there",
    NO_SUCH_OBJECT: "the entry or its parent is gone since the read; the next run sees it",
    NOT_ALLOWED_ON_NON_LEAF: "remove or move what others put below it, or set delete_units: empty",
    OBJECT_CLASS_VIOLATION: "the object class demands an attribute or does not allow one; "
    "correct the attributes of the LDAP output, or empty_group",
    UNDEFINED_ATTRIBUTE: "load the schema (or password policy) that defines the attribute, or leave it out",
    BUSY: "the next run tries again",
    UNAVAILABLE: "the next run tries again",
    10: "this server only reads; name one that writes in `urls`",
    19: "the server's own rules forbid the value; see its log",
    21: "the value is not of the kind that the attribute holds; correct it in the mapping",
    53: "the server is unwilling; it may be read-only or in maintenance",
    64: "the naming attribute does not fit the name; correct the template of the LDAP output",
    71: "an entry cannot move to another database; create the unit there anew",
}


def outcome_of(change: Change, reply: Reply, dn: str, native: str = "") -> Outcome:
    """The outcome that a reply means, with the DN, the server's words and the remedy."""
    if reply.code == SUCCESS:
        return Outcome(change, Result.DONE, native or change.native)
    if reply.code == LOST:
        return Outcome(change, Result.UNKNOWN, "", f"{dn}: no answer came ({reply.text}); the next run looks")
    if reply.code == NOT_SENT:
        return Outcome(change, Result.SKIPPED, "", f"{dn}: not sent ({reply.text})")
    remedy = _REMEDIES.get(reply.code, "see the server's log")
    return refused(change, f"{dn}: {reply.reason}; {remedy}")


def done(change: Change, native: str = "") -> Outcome:
    """It is so, by us or already."""
    return Outcome(change, Result.DONE, native or change.native)


def refused(change: Change, detail: str) -> Outcome:
    """It is not so, and will not be by itself."""
    return Outcome(change, Result.REFUSED, "", detail)


def unknown(change: Change, detail: str) -> Outcome:
    """It may be so; the next run looks."""
    return Outcome(change, Result.UNKNOWN, "", detail)
