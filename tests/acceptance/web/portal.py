"""An application in front of the API: people log in at Keycloak, and it calls with their access tokens.

Everything is real but the screens: tokens are Keycloak's, requests go over HTTP to a server on loopback.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.acceptance.product import Product

CLIENT = "portal"
PASSWORD = "a Password of 25 signs !1"
AUDIENCE = "syncd-api"


@dataclass(frozen=True)
class Reply:
    """One answer of the API."""

    status: int
    kind: str
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def ok(self) -> Any:
        assert self.status == 200, f"{self.status} {self.text}"
        return self.json


@dataclass
class Portal:
    """One application, its people's passwords and their tokens."""

    site: Product
    url: str
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        audience = {
            "name": "audience of syncd",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": AUDIENCE, "access.token.claim": "true"},
        }
        lifespan = {"attributes": {"access.token.lifespan": "21600"}}  # of the longest test, and then some
        client = {"clientId": CLIENT, "publicClient": True, "directAccessGrantsEnabled": True} | lifespan
        self.site.admin("POST", "clients", client | {"protocolMappers": [audience]})

    def token(self, who: str) -> str:
        """The access token of somebody who has logged in; it is good for hours."""
        if who not in self.tokens:
            self.tokens[who] = self.log_in(who)["access_token"]
        return self.tokens[who]

    def log_in(self, who: str) -> dict[str, Any]:
        """Every token of a fresh login with a password, which is set before."""
        user = self.site.admin("GET", f"users?username={urllib.parse.quote(who)}&exact=true")[0]["id"]
        credential = {"type": "password", "value": PASSWORD, "temporary": False}
        self.site.admin("PUT", f"users/{user}/reset-password", credential)
        known = {"client_id": CLIENT, "username": who, "password": PASSWORD}
        form = {"grant_type": "password", "scope": "openid", **known}
        realm = f"{self.site.keycloak.url}/realms/{self.site.realm}"
        request = urllib.request.Request(
            f"{realm}/protocol/openid-connect/token", data=urllib.parse.urlencode(form).encode()
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def get(self, path: str, who: str = "", token: str = "") -> Reply:
        return self.call("GET", path, None, token or (self.token(who) if who else ""))

    def post(self, path: str, who: str, **body: Any) -> Reply:
        return self.call("POST", path, body, self.token(who))

    def call(self, method: str, path: str, body: Any, token: str = "", mapping: str = "") -> Reply:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        request = urllib.request.Request(
            f"{self.url}/api/v1/{mapping or self.site.name}/{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers=headers,
            method=method,
        )
        try:
            answer = urllib.request.urlopen(request, timeout=120)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            kind = answer.headers.get_content_type()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, kind, headers, answer.read().decode())
