"""An application that is told: keeps what is posted to it."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Application:
    """What arrived: (signature, body) in order; `url` is where."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes]] = []
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            """Keeps a body and says so."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posted.append((self.headers["X-Syncd-Signature"] or "", body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/syncd"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.posted]


@contextlib.contextmanager
def listening() -> Iterator[Application]:
    """An application that listens."""
    application = Application()
    thread = threading.Thread(target=application.server.serve_forever)
    thread.start()
    try:
        yield application
    finally:
        application.server.shutdown()
        application.server.server_close()
        thread.join()
