"""Writing many entries with up to a window of requests in flight.

Only for writes that do not need each other and that touch different entries: a server runs the
requests of one connection concurrently, and a child overtakes its parent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import TAKEN_OVER
from syncd.ldapwire import ber
from syncd.ldapwire.connection import ConnectionLost
from syncd.ldapwire.operations import LOST, NOT_SENT, Add, Operation, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.ldapwire.connection import Connection

WINDOW = 48
AFTER_ADD = ("entryUUID",)


def write(connection: Connection, operations: Sequence[Operation], window: int = WINDOW) -> Iterator[Reply]:
    """One reply for each operation, in the order in which the server answers.

    A broken connection is no exception: what was in flight is answered `LOST`, what was not sent yet
    `NOT_SENT`; nothing is ever sent twice.
    """
    waiting, forbidden = list(reversed(operations)), list[Operation]()
    flying: dict[int, Operation] = {}
    trouble = ""
    while (waiting or flying) and not trouble:
        if waiting and not connection.settings.may_write():
            waiting, forbidden = [], waiting
        try:
            _launch(connection, waiting, flying, window)
            while len(flying) > (window // 2 if waiting else 0):
                yield _land(connection, flying)
        except ConnectionLost as error:
            trouble = str(error)
    for operation in flying.values():
        yield Reply(operation, LOST, trouble)
    for operation in reversed(waiting):
        yield Reply(operation, NOT_SENT, trouble)
    for operation in reversed(forbidden):
        yield Reply(operation, NOT_SENT, TAKEN_OVER)


def _launch(
    connection: Connection, waiting: list[Operation], flying: dict[int, Operation], window: int
) -> None:
    batch = []
    while waiting and len(flying) < window:
        operation = waiting.pop()
        number = connection.next_id()
        flying[number] = operation
        controls = (ber.post_read(AFTER_ADD),) if isinstance(operation, Add) else ()
        batch.append(ber.message(number, ber.encode(operation), controls))
    if batch:
        connection.send(b"".join(batch))


def _land(connection: Connection, flying: dict[int, Operation]) -> Reply:
    message = connection.receive()
    operation = flying.pop(message.id, None)
    if operation is None:
        raise connection.lost(f"an answer came to request {message.id}, which was not asked")
    try:
        answer = ber.read_answer(message)
        return Reply(operation, answer.code, answer.text, ber.read_after(answer))
    except ber.ProtocolError as error:
        flying[message.id] = operation
        raise connection.lost(str(error)) from error
