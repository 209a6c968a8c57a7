"""A mail server that delivers nothing: it keeps what it receives in a folder and shows it on a page.

    GET /                list            GET /messages.json   everything, for programs
    GET /messages/ID     one message     DELETE /messages     empty the inbox
    GET /messages/ID.eml as received

It runs as a program of its own, with aiosmtpd as the SMTP side and the standard library for the page.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import html
import json
import re
import signal
import threading
import time
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

LINK = re.compile(r"https?://[^\s<>\"']+")
LARGEST_MAIL = 32 * 1024 * 1024
PATIENCE = 60  # seconds to start in; the library's five are too few on a busy machine


@dataclass(frozen=True, slots=True)
class Message:
    """One message, decoded; `received` in seconds since 1970, `to` the addresses of the SMTP envelope."""

    id: str
    received: float
    sender: str
    to: list[str]
    subject: str
    language: str
    text: str
    html: str
    links: list[str]

    def as_json(self) -> dict[str, object]:
        fields = asdict(self)
        return {"from": fields.pop("sender"), **fields}


class Inbox:
    """Messages as files of a folder, so that they outlive this program; numbered in the order of arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, content: bytes, recipients: list[str]) -> None:
        with self._lock:
            number = max((int(path.stem) for path in self._folder.glob("*.eml")), default=0) + 1
            header = f"X-Envelope-To: {', '.join(recipients)}\r\n".encode()
            new = self._folder / f"{number:06}.new"
            new.write_bytes(header + content)
            new.rename(new.with_suffix(".eml"))

    def all(self) -> list[Message]:
        with self._lock:
            return [_decode(path) for path in sorted(self._folder.glob("*.eml"))]

    def one(self, number: str) -> Message | None:
        path = self._folder / f"{number}.eml"
        return _decode(path) if number.isdigit() and path.exists() else None

    def raw(self, number: str) -> bytes | None:
        path = self._folder / f"{number}.eml"
        return path.read_bytes() if number.isdigit() and path.exists() else None

    def empty(self) -> None:
        with self._lock:
            for path in self._folder.glob("*.eml"):
                path.unlink()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd)
        self.keep(envelope.original_content or b"", list(envelope.rcpt_tos))
        return "250 kept, not delivered"


def _decode(path: Path) -> Message:
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    text, page = _body(mail, "plain"), _body(mail, "html")
    found = LINK.findall(text) + [html.unescape(link) for link in LINK.findall(page)]
    return Message(
        id=path.stem,
        received=path.stat().st_mtime,
        sender=str(mail.get("From", "")),
        to=[address.strip() for address in str(mail.get("X-Envelope-To", "")).split(",") if address.strip()],
        subject=str(mail.get("Subject", "")),
        language=str(mail.get("Content-Language", "")),
        text=text,
        html=page,
        links=list(dict.fromkeys(link.rstrip(".,;)") for link in found)),
    )


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return part.get_content() if part is not None else ""


STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2b6cb0; }
@media (prefers-color-scheme: dark) { :root { --accent: #90cdf4; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } a { color: var(--accent); }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
ul { list-style: none; padding: 0; border-top: 1px solid var(--line); }
li a { display: grid; grid-template-columns: 15rem 1fr auto; gap: 1rem; padding: .7rem .5rem;
       border-bottom: 1px solid var(--line); text-decoration: none; color: inherit; }
li a:hover, li a:focus { background: var(--soft); } li b { font-weight: 600; }
time, .soft { opacity: .7; font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { opacity: .7; } dd { margin: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; background: var(--soft);
      border-radius: .5rem; }
h2 { font-size: 1.1rem; }
iframe { width: 100%; height: 20rem; border: 1px solid var(--line);
         border-radius: .5rem; background: #fff; }
button { font: inherit; padding: .3rem .8rem; }
@media (max-width: 40rem) { li a { grid-template-columns: 1fr; gap: 0; } }
"""
REFRESH = """
document.querySelector('button')?.addEventListener('click', async () => {
  await fetch('/messages', { method: 'DELETE' }); location.reload(); });
const seen = document.querySelectorAll('li').length;
setInterval(async () => {
  const now = await (await fetch('/messages.json')).json();
  if (now.length !== seen) location.reload(); }, 2000);
"""


def _page(title: str, body: str, script: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<body>{body}{f'<script>{script}</script>' if script else ''}</body></html>"
    )


def _list_page(messages: list[Message]) -> str:
    rows = "".join(
        f'<li><a href="/messages/{message.id}"><span>{html.escape(", ".join(message.to))}</span>'
        f"<b>{html.escape(message.subject) or '(no subject)'}</b>{_time(message.received)}</a></li>"
        for message in reversed(messages)
    )
    listing = (
        f"<ul>{rows}</ul>"
        if rows
        else '<p class="soft">Nothing has arrived yet. This page looks again by itself.</p>'
    )
    return _page(
        "Inbox",
        f"<header><h1>Inbox <span class=soft>({len(messages)})</span></h1><button>Empty it</button></header>"
        f"<p class=soft>Mail sent by the local servers ends here and is delivered to nobody.</p>{listing}",
        REFRESH,
    )


def _message_page(message: Message) -> str:
    facts = {"From": message.sender, "To": ", ".join(message.to), "Language": message.language}
    described = "".join(f"<dt>{name}<dd>{html.escape(value)}" for name, value in facts.items() if value)
    parts = ""
    if message.html:
        # Sandboxed: the mail's own scripts and forms do nothing; its links open in a tab of their own.
        inner = html.escape(f'<base target="_blank">{message.html}', quote=True)
        rights = "allow-popups allow-popups-to-escape-sandbox"
        parts += f'<h2>HTML</h2><iframe sandbox="{rights}" srcdoc="{inner}"></iframe>'
    if message.text:
        parts += f"<h2>Text</h2><pre>{_clickable(message.text)}</pre>"
    return _page(
        message.subject,
        f'<p><a href="/">← Inbox</a></p><h1>{html.escape(message.subject)}</h1>'
        f"<dl>{described}<dt>Received<dd>{_time(message.received)}</dl>{parts}"
        f'<p><a href="/messages/{message.id}.eml">As received</a></p>',
    )


def _clickable(text: str) -> str:
    shown, end = [], 0
    for match in LINK.finditer(text):
        link = html.escape(match.group(), quote=True)
        shown += [
            html.escape(text[end : match.start()]),
            f'<a href="{link}" target="_blank" rel="noreferrer">{link}</a>',
        ]
        end = match.end()
    return "".join([*shown, html.escape(text[end:])])


def _time(moment: float) -> str:
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
    return f'<time datetime="{shown}">{shown}</time>'


def _handler(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            number = path.removeprefix("/messages/")
            if path == "/":
                self._send(_list_page(inbox.all()).encode())
            elif path == "/messages.json":
                listing = [message.as_json() for message in inbox.all()]
                self._send(json.dumps(listing, indent=1).encode(), "application/json")
            elif raw := inbox.raw(number.removesuffix(".eml")) if number.endswith(".eml") else None:
                self._send(raw, "message/rfc822")
            elif message := inbox.one(number):
                self._send(_message_page(message).encode())
            else:
                self._send(
                    _page("Not found", '<p>No such message. <a href="/">Inbox</a></p>').encode(), status=404
                )

        def do_DELETE(self) -> None:
            if self.path == "/messages":
                inbox.empty()
                self._send(b"", status=HTTPStatus.NO_CONTENT)
            else:
                self._send(b"only /messages can be deleted", "text/plain", HTTPStatus.NOT_FOUND)

        def _send(
            self, body: bytes, kind: str = "text/html; charset=utf-8", status: int = HTTPStatus.OK
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """The log is for failures; that a page was looked at is none."""

    return Page


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--smtp-port", type=int, default=1025)
    words.add_argument("--http-port", type=int, default=8025)
    words.add_argument("--folder", type=Path, required=True, help="where messages are kept")
    chosen = words.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    inbox = Inbox(chosen.folder)
    mail = Controller(
        inbox,
        hostname=chosen.host,
        port=chosen.smtp_port,
        ready_timeout=PATIENCE,
        data_size_limit=LARGEST_MAIL,
    )
    mail.start()
    page = ThreadingHTTPServer((chosen.host, chosen.http_port), _handler(inbox))
    # shutdown() waits for serve_forever(), which runs in the thread that handles signals: hence another one.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=page.shutdown).start())
    print(
        f"mail on {chosen.host}:{chosen.smtp_port}, inbox on http://{chosen.host}:{chosen.http_port}/",
        flush=True,
    )
    page.serve_forever()
    mail.stop()


if __name__ == "__main__":
    main()
