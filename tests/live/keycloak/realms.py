"""Realms for the live tests: an administrator's connection, and one of the account that bootstrap makes."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import KeySet

from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_bootstrap import bootstrap_realm
from syncd.targets.keycloak_connection import KeycloakConnection
from tests.miniature import MARKER

if TYPE_CHECKING:
    from deploy.local.servers import Keycloak


def administrator(server: Keycloak, realm: str, **more: Any) -> KeycloakConnection:
    """The master realm's service account, working on `realm`."""
    return KeycloakConnection(
        url=server.url,
        realm=realm,
        login_realm="master",
        client_id=server.admin_client_id,
        client_secret=server.admin_client_secret,
        **more,
    )


@dataclass
class Realm:
    """A bootstrapped realm: what an administrator may do, and syncd's own account."""

    admin: KeycloakConnection
    secret: str
    connection: KeycloakConnection
    target: KeycloakTarget

    @classmethod
    def bootstrapped(cls, server: Keycloak, name: str) -> Realm:
        admin = administrator(server, name)
        secret = bootstrap_realm(admin).secret
        connection = KeycloakConnection(url=server.url, realm=name, client_id="syncd", client_secret=secret)
        return cls(admin, secret, connection, KeycloakTarget(connection, marker=MARKER))

    def make(self, *place: str, **body: Any) -> str:
        """Make something as a stranger would; returns its id."""
        reply = self.admin.call("POST", *place, body=body)
        assert reply.ok, reply
        return reply.made

    def make_person(self, username: str, **more: Any) -> str:
        profile = {"email": f"{username}@acme.example", "firstName": "Given", "lastName": "Family"}
        return self.make("users", username=username, enabled=True, **{**profile, **more})

    def close(self) -> None:
        self.target.close()
        self.admin.close()


def token_of(server: Keycloak, realm: str, client_id: str, secret: str, username: str) -> str:
    """The access token that a person with password `pass` gets from a client."""
    form = {
        "grant_type": "password",
        "client_id": client_id,
        "client_secret": secret,
        "username": username,
        "password": "pass",
        "scope": "openid",
    }
    address = f"{server.url}/realms/{realm}/protocol/openid-connect/token"
    request = urllib.request.Request(address, data=urllib.parse.urlencode(form).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(json.load(response)["access_token"])


def claims_of(server: Keycloak, realm: str, token: str) -> dict[str, Any]:
    """The claims of a token whose signature holds under the realm's published keys."""
    address = f"{server.url}/realms/{realm}/protocol/openid-connect/certs"
    with urllib.request.urlopen(address, timeout=30) as response:
        keys = [key for key in json.load(response)["keys"] if key["use"] == "sig"]
    return dict(jwt.decode(token, KeySet.import_key_set({"keys": keys}), algorithms=["RS256"]).claims)
