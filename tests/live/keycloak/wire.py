"""A wire between syncd and a server that a test can cut in the middle of a conversation."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wire:
    """Forwards TCP to the server of `url`; `url` of the wire is where to connect instead."""

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        self._there = (there.hostname, there.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._answers_left: int | None = None
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @contextlib.contextmanager
    def cut_after(self, answers: int) -> Iterator[None]:
        """Let so many more answers through, whole, then end every connection, old or new."""
        self._answers_left = answers
        try:
            yield
        finally:
            self._answers_left = None

    def close(self) -> None:
        self._listener.close()
        for end in list(self._open):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._answers_left == 0:
                    near.close()
                    continue
                far = socket.create_connection(self._there)
                self._open += [near, far]
                asked = threading.Event()
                for source, sink, answers in ((near, far, False), (far, near, True)):
                    pump = (source, sink, asked, answers)
                    threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, asked: threading.Event, answers: bool
    ) -> None:
        """`asked` until the answer begins: a slow server sends it in several pieces."""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not answers:
                    asked.set()
                elif asked.is_set():
                    asked.clear()
                    if not self._allowed():
                        break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _allowed(self) -> bool:
        with self._lock:
            if self._answers_left is None:
                return True
            if self._answers_left == 0:
                return False
            self._answers_left -= 1
            return True
