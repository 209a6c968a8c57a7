"""Reading a subtree whole, page by page: every entry, or an exception.

ldap3's own paging ends silently where the server cuts it off, so the loop is ours and every page must
end with result 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldap3.core.exceptions import LDAPExceptionError
from ldap3.operation.search import search_operation
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]  # its stubs forget it

from syncd import traffic
from syncd.errors import (
    IncompleteRead,
    PermissionMissing,
    PlaceMissing,
    TargetError,
    Unreachable,
    UsageError,
)
from syncd.ldapwire import ber
from syncd.ldapwire.operations import (
    BUSY,
    CODE_NAMES,
    INSUFFICIENT_ACCESS,
    NO_SUCH_OBJECT,
    SUCCESS,
    UNAVAILABLE,
    Entry,
    Query,
)

if TYPE_CHECKING:
    from syncd.ldapwire.connection import Connection

SCOPES = {"base": "BASE", "one": "LEVEL", "sub": "SUBTREE"}


def search(connection: Connection, query: Query) -> tuple[list[Entry], int]:
    """(every entry that matches, requests sent).

    Raises `IncompleteRead` where any page ended otherwise than well, `PlaceMissing` where the base
    does not exist, `PermissionMissing`, and `ConnectionLost`.
    """
    request = encode_search(query)
    entries: list[Entry] = []
    cookie, pages = b"", 0
    while True:
        number = connection.next_id()
        controls = (ber.paged(connection.settings.page_size, cookie),) if query.scope != "base" else ()
        connection.send(ber.message(number, request, controls))
        answer = _page(connection, number, query, entries)
        pages += 1
        check(connection, query, answer.code, answer.text, len(entries))
        cookie = ber.page_cookie(answer)
        if not cookie:
            return entries, pages


def encode_search(query: Query) -> bytes:
    """The search request; the filter's text is read by ldap3. Raises `UsageError` where it is no filter."""
    scope, names = SCOPES[query.scope], list(query.attributes)
    try:
        request = search_operation(query.base, query.filter, scope, "NEVER", names, 0, 0, False, True, True)
    except LDAPExceptionError as error:
        raise UsageError(
            f"{query.filter!r} is not an LDAP filter: {error}", "Write it as in RFC 4515, e.g. (mail=*)."
        ) from error
    return bytes(encode(request))


def _page(connection: Connection, number: int, query: Query, entries: list[Entry]) -> ber.Answer:
    while True:
        message = connection.receive()
        if message.id != number:
            raise connection.lost(f"an answer to request {message.id} came while {number} was waiting")
        if message.tag == ber.ENTRY:
            entries.append(_entry(connection, message))
        elif message.tag == ber.SEARCH_DONE:
            return ber.read_answer(message)
        elif message.tag == ber.REFERENCE:
            refuse_reference(connection, query)


def _entry(connection: Connection, message: ber.Message) -> Entry:
    try:
        return Entry(*ber.read_entry(message.data, message.start))
    except ber.ProtocolError as error:
        raise connection.lost(str(error)) from error


def refuse_reference(connection: Connection, query: Query) -> None:
    """Raise `IncompleteRead` unless the query allows that a part lies on another server."""
    if query.ignore_references:
        return
    name = connection.settings.name
    connection.close()
    raise IncompleteRead(
        name,
        f"a part of {query.base} lies on another server, which syncd does not follow",
        "Connect to a server that holds the whole subtree.",
    )


def check(connection: Connection, query: Query, code: int, text: str, seen: int) -> None:
    """Count the answer to a search, and raise the error that a result other than 0 means."""
    traffic.count(connection.settings.name, "search", code)
    if code == SUCCESS:
        return
    settings = connection.settings
    reason = f"{CODE_NAMES.get(code, 'error')} ({code}){f': {text}' if text else ''}"
    raise _error(settings.name, settings.bind_dn, query, code, f"{reason}, after {seen} entries")


def _error(name: str, bind_dn: str, query: Query, code: int, reason: str) -> TargetError:
    where = f"reading {query.base}"
    match code:
        case _ if code == NO_SUCH_OBJECT:
            return PlaceMissing(
                name,
                f"{query.base} does not exist, or {bind_dn} may not see it",
                "Create it, or correct the base.",
            )
        case _ if code == INSUFFICIENT_ACCESS:
            return PermissionMissing(name, f"{where}: {reason}", f"Allow {bind_dn} to read it.")
        case _ if code in (BUSY, UNAVAILABLE):
            return Unreachable(name, f"{where}: {reason}", "The server asks to come back later.")
        case 3 | 4 | 11:
            return IncompleteRead(
                name,
                f"{where}: {reason}",
                f"Lift the limits of {bind_dn} (OpenLDAP: olcLimits size.prtotal=unlimited) or page_size.",
            )
        case _:
            return IncompleteRead(name, f"{where}: {reason}")
