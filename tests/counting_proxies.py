"""Proxies on loopback that count what a server is asked: HTTP requests by kind, LDAP operations by name."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

TOKEN, READ, WRITE = "token", "read", "write"
OPERATIONS = {
    0x60: "bind",
    0x42: "unbind",
    0x63: "search",
    0x66: "modify",
    0x68: "add",
    0x4A: "delete",
    0x6C: "rename",
}
LDAP_WRITES = ("modify", "add", "delete", "rename")
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


class CountingHttp:
    """Forwards HTTP to `url`; `counts` has token, read and write, `most_at_once` the requests in flight."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 80)
        self.counts: Counter[str] = Counter()
        self.most_at_once = 0
        self._now = 0
        self._guard = threading.Lock()
        self._own = threading.local()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                proxy._forward(self)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names are http.server's

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self._thread = threading.Thread(target=self._listener.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()

    def _forward(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        is_token = handler.path.split("?")[0].endswith("/token")
        kind = TOKEN if is_token else READ if handler.command == "GET" else WRITE
        with self._guard:
            self.counts[kind] += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
        connection = http.client.HTTPConnection(*self._server, timeout=300)
        try:
            connection.request(handler.command, handler.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
            with self._guard:
                self._now -= 1
        handler.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


class CountingLdap:
    """Forwards LDAP to `url`; `counts` has every operation that was sent by its name."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 389)
        self.counts: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def writes(self) -> int:
        """Operations that change something."""
        return sum(self.counts[name] for name in LDAP_WRITES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._listener)
        self._threads[0].join()  # nobody is accepted any more, and whoever was is closed
        _end(*self._sockets)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for act, pair in ((self._requests, (client, server)), (_pump, (server, client))):
                    thread = threading.Thread(target=act, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                waiting += data
                while (size := _size(waiting)) and len(waiting) >= size:
                    with self._guard:
                        self.counts[_operation(waiting)] += 1
                    waiting = waiting[size:]
                server.sendall(data)
        _end(client, server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    _end(source, sink)


def _end(*ends: socket.socket) -> None:
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _size(data: bytes) -> int:
    """How long the message is that begins here (X.690 §8.1.3), 0 where that is not told yet."""
    if len(data) < 2:
        return 0
    first = data[1]
    if first < 0x80:
        return 2 + first
    octets = first & 0x7F
    return 2 + octets + int.from_bytes(data[2 : 2 + octets]) if len(data) >= 2 + octets else 0


def _operation(message: bytes) -> str:
    """The operation of an LDAPMessage: what follows its id (RFC 4511 §4.1.1)."""
    start = 2 + (message[1] & 0x7F if message[1] >= 0x80 else 0)
    return OPERATIONS.get(message[start + 2 + message[start + 1]], "other")
