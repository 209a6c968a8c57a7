"""The same reads and writes with plain ldap3 calls, one at a time: `wire: stock` of a connection.

For servers or middleboxes that the lean wire does not get along with; slower, equal in every result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from ldap3.core.exceptions import LDAPExceptionError

from syncd.errors import TAKEN_OVER
from syncd.ldapwire import ber
from syncd.ldapwire.operations import (
    LOST,
    NOT_SENT,
    Add,
    Delete,
    Entry,
    Modify,
    Operation,
    Query,
    Rename,
    Reply,
)
from syncd.ldapwire.reader import SCOPES, check, encode_search, refuse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.ldapwire.connection import Connection

_ACTIONS = {"add": MODIFY_ADD, "delete": MODIFY_DELETE, "replace": MODIFY_REPLACE}


def search(connection: Connection, query: Query) -> tuple[list[Entry], int]:
    """As `reader.search`."""
    encode_search(query)  # refuses what is no filter before ldap3 reports it as a broken connection
    entries: list[Entry] = []
    cookie: bytes | None = None
    pages = 0
    while True:
        result = _page(connection, query, cookie, entries)
        pages += 1
        check(connection, query, result["result"], result["message"], len(entries))
        control = (result.get("controls") or {}).get(ber.PAGED) or {}
        cookie = control.get("value", {}).get("cookie")
        if not cookie:
            return entries, pages


def write(connection: Connection, operations: Sequence[Operation]) -> Iterator[Reply]:
    """As `writer.write`, with a window of one; `after` is always empty."""
    trouble = ""
    for operation in operations:
        if not trouble and not connection.settings.may_write():
            trouble = TAKEN_OVER
        if trouble:
            yield Reply(operation, NOT_SENT, trouble)
            continue
        raw = connection.raw
        try:
            _send(raw, operation)
        except (LDAPExceptionError, OSError) as error:
            trouble = str(connection.lost(str(error)))
            yield Reply(operation, LOST, trouble)
        else:
            yield Reply(operation, raw.result["result"], raw.result["message"])


def _page(connection: Connection, query: Query, cookie: bytes | None, entries: list[Entry]) -> dict[str, Any]:
    raw = connection.raw
    try:
        raw.search(
            query.base,
            query.filter,
            SCOPES[query.scope],
            dereference_aliases="NEVER",
            attributes=list(query.attributes),
            paged_size=None if query.scope == "base" else connection.settings.page_size,
            paged_cookie=cookie,
        )
    except (LDAPExceptionError, OSError) as error:
        raise connection.lost(str(error)) from error
    for response in raw.response:
        if response["type"] == "searchResEntry":
            values = {name.lower(): tuple(value) for name, value in response["raw_attributes"].items()}
            entries.append(Entry(response["dn"], values))
        elif response["type"] == "searchResRef":
            refuse_reference(connection, query)
    result: dict[str, Any] = raw.result
    return result


def _send(raw: Any, operation: Operation) -> None:
    match operation:
        case Add(dn=dn, attributes=attributes):
            raw.add(dn, attributes={name: list(values) for name, values in attributes.items()})
        case Modify(dn=dn, changes=changes):
            edits: dict[str, list[tuple[str, list[bytes]]]] = {}
            for action, name, values in changes:
                edits.setdefault(name, []).append((_ACTIONS[action], list(values)))
            raw.modify(dn, edits)
        case Delete(dn=dn):
            raw.delete(dn)
        case Rename(dn=dn, rdn=rdn, superior=superior):
            raw.modify_dn(dn, rdn, delete_old_dn=True, new_superior=superior or None)
