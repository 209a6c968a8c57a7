"""Somebody with a browser who was given a link: opens the page, fills in its form, sends it."""

from __future__ import annotations

import http.client
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field
from html import unescape


@dataclass(frozen=True)
class Seen:
    """One page as it came."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def heading(self) -> str:
        return unescape(re.search(r"<h1>(.*?)</h1>", self.text)[1])

    @property
    def fields(self) -> set[str]:
        return set(re.findall(r'<input name="([^"]+)"', self.text))

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]*)"', self.text)
        return found[1] if found else ""


@dataclass(frozen=True)
class Door:
    """Where the public page is."""

    url: str

    def stranger(self, language: str = "en") -> Stranger:
        return Stranger(self, language)


@dataclass
class Stranger:
    """One browser with cookies of its own, at an address of its own behind a proxy on this machine."""

    door: Door
    language: str = "en"
    cookie: str = ""
    client: str = field(default_factory=lambda: f"fd00::{secrets.token_hex(2)}:{secrets.token_hex(2)}")

    def open(self, token: str, method: str = "GET") -> Seen:
        seen = self._send(method, token)
        set_ = seen.headers.get("set-cookie", "")
        self.cookie = set_.partition(";")[0] or self.cookie
        return seen

    def send(self, token: str, csrf: str, **typed: str) -> Seen:
        return self._send("POST", token, urllib.parse.urlencode({"csrf": csrf, **typed}))

    def redeem(self, token: str, address: str, **typed: str) -> Seen:
        """Open, fill in, send."""
        return self.send(token, self.open(token).csrf, address=address, **typed)

    def confirm(self, token: str) -> Seen:
        return self.send(token, self.open(token).csrf)

    def _send(self, method: str, token: str, body: str | None = None) -> Seen:
        at = urllib.parse.urlsplit(self.door.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        headers = {"Accept-Language": self.language, "X-Forwarded-For": self.client}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.door.url}
        connection.request(method, f"/join/{urllib.parse.quote(token, safe='')}", body, headers)
        answer = connection.getresponse()
        seen = Seen(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )
        connection.close()
        return seen
