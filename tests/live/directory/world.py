"""A bootstrapped realm with syncd's mail theme, a directory over it, and the inbox its mails reach."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.targets.directory import NewAccount
from syncd.targets.keycloak_bootstrap import bootstrap_realm
from syncd.targets.keycloak_connection import ANSWER_SECONDS, CONNECT_SECONDS, KeycloakConnection
from syncd.targets.keycloak_directory import KeycloakDirectory
from tests.live.keycloak.realms import administrator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from deploy.local.servers import Keycloak, MailSink
    from syncd.targets.keycloak_connection import Reply

MAILING = "execute-actions-email"
ALL = ("UPDATE_PASSWORD", "UPDATE_PROFILE", "VERIFY_EMAIL")
CLIENT = "portal"


class Impatient(KeycloakConnection):
    """Waits one second for what becomes of a mail, and as long as always for every other answer."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._seconds = 1.0

    def call(self, method: str, *place: str, **how: Any) -> Reply:
        self._http.timeout = (CONNECT_SECONDS, self._seconds if MAILING in place else ANSWER_SECONDS)
        return super().call(method, *place, **how)


@dataclass
class World:
    """One realm and what tests do with it."""

    server: Keycloak
    sink: MailSink
    admin: KeycloakConnection
    connection: KeycloakConnection
    secret: str

    @classmethod
    def bootstrapped(cls, server: Keycloak, sink: MailSink, realm: str, **options: Any) -> World:
        admin = administrator(server, realm)
        made = bootstrap_realm(admin, smtp=smtp_to(sink.smtp_port), **options)
        return cls(server, sink, admin, cls.syncd(server.url, realm, made.secret), made.secret)

    @staticmethod
    def syncd(url: str, realm: str, secret: str, **more: Any) -> KeycloakConnection:
        """A connection of syncd's own account."""
        return KeycloakConnection(url=url, realm=realm, client_id="syncd", client_secret=secret, **more)

    def impatient(self) -> Impatient:
        """A connection of syncd's own account that does not wait for mails."""
        return Impatient(
            url=self.server.url, realm=self.admin.realm, client_id="syncd", client_secret=self.secret
        )

    @property
    def directory(self) -> KeycloakDirectory:
        return KeycloakDirectory(self.connection)

    def somebody(self, locale: str = "en", **more: Any) -> tuple[str, str]:
        """A new account that nobody has made theirs: its id and address."""
        name = f"p{secrets.token_hex(5)}"
        address = f"{name}@acme.example"
        return self.directory.create(NewAccount(name, address, locale=locale, **more)), address

    def member(self, password: str = "a long password") -> tuple[str, str]:
        """A new account with a password, names and an attribute: its id and username."""
        name = f"p{secrets.token_hex(5)}"
        body = {
            "username": name,
            "email": f"{name}@acme.example",
            "emailVerified": True,
            "firstName": "Given",
            "lastName": "Family",
            "enabled": True,
            "attributes": {"locale": ["fr"]},
            "credentials": [{"type": "password", "value": password}],
        }
        reply = self.admin.call("POST", "users", body=body)
        assert reply.ok, reply
        return reply.made, name

    def mails(self, address: str) -> list[dict[str, Any]]:
        """What arrived for an address; Keycloak answers after the mail was handed over."""
        return [mail for mail in self.sink.messages() if address in mail["to"]]

    def await_mail_event(self, native: str, since: datetime) -> None:
        """Let Keycloak end what it does about a mail that nobody waits for any more."""
        limit = time.monotonic() + 90
        while self.directory.mail_event(native, since) is None:
            assert time.monotonic() < limit, "Keycloak recorded no mail"
            time.sleep(0.2)

    def invited(self, native: str, address: str, lifespan: int = 3600) -> str:
        """Send an invitation and return its link."""
        result = self.directory.send_actions(native, ALL, lifespan)
        assert result.outcome == "sent", result
        return link_of(self.mails(address)[-1])

    def set_smtp(self, settings: dict[str, str]) -> None:
        assert self.admin.call("PUT", body={"smtpServer": settings}).ok

    def portal(self) -> None:
        """A client with which people log in by password."""
        body = {
            "clientId": CLIENT,
            "publicClient": True,
            "directAccessGrantsEnabled": True,
            "redirectUris": ["https://portal.acme.example/*"],
        }
        assert self.admin.call("POST", "clients", body=body).ok

    def tokens(self, **form: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint's answer to a login or a refresh of the portal."""
        address = f"{self.server.url}/realms/{self.admin.realm}/protocol/openid-connect/token"
        data = urllib.parse.urlencode({"client_id": CLIENT, **form}).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(address, data), timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def login(
        self, username: str, password: str = "a long password", scope: str = "openid"
    ) -> dict[str, Any]:
        status, answer = self.tokens(grant_type="password", username=username, password=password, scope=scope)
        assert status == 200, answer
        return answer

    def close(self) -> None:
        self.connection.close()
        self.admin.close()
        self.server.remove_realm(self.admin.realm)


def smtp_to(port: int, **more: str) -> dict[str, str]:
    """Where a realm mails; our servers may be slower than the ten seconds that Keycloak waits by itself."""
    waits = dict.fromkeys(("connectionTimeout", "timeout", "writeTimeout"), "50000")
    return {"host": "127.0.0.1", "port": str(port), "from": "sso@acme.example", **waits, **more}


@contextlib.contextmanager
def mailing_through(world: World, port: int, **more: str) -> Iterator[None]:
    """The realm's mails go to another server for a while."""
    world.set_smtp(smtp_to(port, **more))
    try:
        yield
    finally:
        world.set_smtp(smtp_to(world.sink.smtp_port))


def link_of(mail: dict[str, Any]) -> str:
    """The one link of a mail."""
    (link,) = mail["links"]
    return str(link)


def claims_of(link: str) -> dict[str, Any]:
    """What the token of a link says; its signature is Keycloak's own business."""
    (key,) = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["key"]
    body = key.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
