"""A person who registers through an organization's invitation, with a browser: Keycloak calls her MANAGED."""

from __future__ import annotations

import html
import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.local.servers import Keycloak, MailSink


def registered(server: Keycloak, sink: MailSink, realm: str, organization: str, email: str) -> None:
    """Invite the address, open the link of the mail, and send the registration form."""
    request = urllib.request.Request(
        f"{server.url}/admin/realms/{realm}/organizations/{organization}/members/invite-user",
        data=urllib.parse.urlencode({"email": email}).encode(),
        headers={"Authorization": f"Bearer {server.admin_token()}"},
    )
    urllib.request.urlopen(request, timeout=30).close()
    browser = _Browser()
    page = browser.open(_link_for(sink, email))
    form = {
        "username": email,
        "email": email,
        "firstName": "Given",
        "lastName": "Family",
        "password": "a long password",
        "password-confirm": "a long password",
    }
    action = re.search(r'<form[^>]*action="([^"]+)"', page)
    assert action, page
    browser.open(html.unescape(action[1]), form)


def _link_for(sink: MailSink, email: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for message in sink.messages():
            link = re.search(r'href="([^"]+)"', message["html"])
            if email in message["to"] and link:
                return html.unescape(link[1])
        time.sleep(0.1)
    raise AssertionError(f"no mail for {email}")


class _Browser:
    """Follows redirects and sends secure cookies over http too, as a browser does on loopback."""

    def __init__(self) -> None:
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def open(self, url: str, form: dict[str, str] | None = None) -> str:
        for cookie in self._jar:
            cookie.secure = False
        data = urllib.parse.urlencode(form).encode() if form else None
        with self._opener.open(url, data, timeout=30) as answer:
            return str(answer.read().decode())
