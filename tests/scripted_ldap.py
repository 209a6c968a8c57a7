"""A server that says what a test tells it to: the answers that no real directory gives on demand."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

from syncd.ldapwire import ber
from syncd.ldapwire.connection import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Script = Callable[[ber.Message], bytes]

BIND, SEARCH, ANSWERS = 0x60, 0x63, {0x60: 0x61, 0x63: 0x65, 0x66: 0x67, 0x68: 0x69, 0x4A: 0x6B, 0x6C: 0x6D}
UNBIND = 0x42


def answer(request: ber.Message, code: int = 0, text: str = "", controls: Sequence[bytes] = ()) -> bytes:
    """The result that ends a request."""
    body = ber.integer(code, 0x0A) + ber.octets("") + ber.octets(text)
    return ber.message(request.id, ber.tlv(ANSWERS[request.tag], body), controls)


def entry(request: ber.Message, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> bytes:
    """One entry found by a search."""
    listed = b"".join(
        ber.tlv(0x30, ber.octets(name) + ber.tlv(0x31, b"".join(map(ber.octets, values))))
        for name, values in attributes.items()
    )
    return ber.message(request.id, ber.tlv(ber.ENTRY, ber.octets(dn) + ber.tlv(0x30, listed)))


def reference(request: ber.Message) -> bytes:
    """A pointer to another server."""
    return ber.message(request.id, ber.tlv(ber.REFERENCE, ber.octets("ldap://elsewhere.example.org/")))


class ScriptedServer:
    """Answers every request with what `script` returns, empty bytes end the connection; logins succeed."""

    def __init__(self, script: Script, *, bind_code: int = 0) -> None:
        self._script = script
        self._bind_code = bind_code
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)

    def settings(self, wire: str = "lean", **changes: int) -> ConnectionSettings:
        url = f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"
        return ConnectionSettings("scripted", (url,), "cn=syncd", "secret", wire=wire, **changes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            with client, contextlib.suppress(OSError):
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        buffer = b""
        while data := client.recv(65536):
            buffer += data
            while end := ber.whole(buffer, 0):
                request = ber.read_message(buffer, 0, end)
                buffer = buffer[end:]
                if request.tag == UNBIND:
                    return
                reply = answer(request, self._bind_code) if request.tag == BIND else self._script(request)
                if not reply:
                    return
                client.sendall(reply)
