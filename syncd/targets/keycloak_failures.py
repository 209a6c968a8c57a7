"""What a failed call to Keycloak means, with cause and cure for the administrator.

python-keycloak turns every transport failure into `KeycloakConnectionError("Can't connect to server")`
and keeps the reason in the exception chain only, and Keycloak's own text (`errorMessage`, `error`)
arrives as raw bytes; both are read here, and nowhere else.
"""

from __future__ import annotations

import socket
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from requests import exceptions as transport

from syncd.errors import (
    LoginRefused,
    NotTrusted,
    PermissionMissing,
    PlaceMissing,
    TargetError,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_ANSWER = range(200, 300)
OVERLOADED = frozenset({429, 502, 503, 504})


class NotSent(Unreachable):
    """The request never left: no name, no listener, no handshake. Nothing can have been written."""


class Answered(TargetError):
    """Keycloak answered a read with an error that is about the thing asked for, not about the server."""

    def __init__(self, target: str, message: str, status: int, remedy: str = "") -> None:
        super().__init__(target, message, remedy)
        self.status = status


def explain(body: Any) -> str:
    """Keycloak's own words in an error body, whichever of its five forms it takes."""
    if not isinstance(body, dict):
        return str(body or "").strip()[:300]
    if isinstance(body.get("errors"), list):
        return "; ".join(explain(error) for error in body["errors"])
    text = body.get("errorMessage") or body.get("error_description") or body.get("error") or ""
    return f"{body['field']}: {text}" if body.get("field") else str(text)


def transport_failure(target: str, url: str, error: BaseException, seconds: float) -> TargetError:
    """The failure of a request that got no answer; `NotSent` where it surely never arrived."""
    chain = list(_causes(error))
    tls = next((cause for cause in chain if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return _handshake_failure(target, url, tls)
    for kind, message, remedy in _NEVER_SENT:
        if any(isinstance(cause, kind) for cause in chain):
            return NotSent(target, message.format(url=url), remedy)
    if any(isinstance(cause, (transport.Timeout, TimeoutError)) for cause in chain):
        return Unreachable(
            target,
            f"{url} accepted the request and gave no answer within {seconds:g} s",
            "look at Keycloak's load and its database",
        )
    return Unreachable(
        target, f"the connection to {url} broke: {chain[-1]}", "look at Keycloak's log and any proxy"
    )


_NEVER_SENT: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        socket.gaierror,
        "{url} has a host without an address in DNS",
        "check `url` of this connection and the resolver",
    ),
    (ConnectionRefusedError, "{url} refuses connections", "is Keycloak running, and is this its port?"),
    (
        transport.ConnectTimeout,
        "{url} does not answer",
        "check firewalls and routes between syncd and Keycloak",
    ),
)


def _handshake_failure(target: str, url: str, tls: ssl.SSLError) -> TargetError:
    if isinstance(tls, ssl.SSLCertVerificationError):
        return NotTrusted(
            target,
            f"the certificate of {url} does not hold: {tls.verify_message or tls}",
            "name the certificate authority's file as `ca` of this connection, or renew the certificate",
        )
    return NotSent(
        target,
        f"the TLS handshake with {url} failed: {tls.reason or tls}",
        "is the address one for https, and does the server speak TLS 1.2 or newer?",
    )


def login_failure(target: str, realm: str, client: str, status: int, body: Any) -> TargetError:
    """Why the token endpoint gave no token (RFC 6749 §5.2)."""
    text = explain(body)
    if status == HTTPStatus.NOT_FOUND:
        return PlaceMissing(
            target, f'realm "{realm}" does not exist', "correct `realm`, or make it with `syncd bootstrap`"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in OVERLOADED:
        return Unreachable(target, f"the login answered {status} {text}", "look at Keycloak's log")
    if "service account" in text.lower():
        return LoginRefused(
            target,
            f'client "{client}" of realm "{realm}" has no service account: {text}',
            "turn on “Service accounts roles” of that client",
        )
    return LoginRefused(
        target,
        f'client "{client}" may not log in to realm "{realm}": {text or status}',
        "check client_id and client_secret of this connection; is the client enabled and confidential?",
    )


def answer_failure(target: str, method: str, place: tuple[str, ...], status: int, body: Any) -> TargetError:
    """What an error status of the Admin API means; `place` is the path below the realm."""
    text = explain(body)
    where = f"{method} {'/'.join(place) or 'realm'}"
    if status == HTTPStatus.UNAUTHORIZED:
        return LoginRefused(
            target,
            f"{where}: Keycloak refuses a token it has just issued",
            "Keycloak 26.8.2 and newer want the default client scope kc-admin-api on this client: assign it",
        )
    if status == HTTPStatus.FORBIDDEN:
        role = role_for(method, place)
        return PermissionMissing(
            target,
            f"{where} is forbidden: the service account lacks realm-management role {role}",
            f"give it {role} (Clients, syncd, “Service accounts roles”), or run `syncd bootstrap`",
        )
    if status == HTTPStatus.NOT_FOUND and text.startswith("Realm"):
        return PlaceMissing(
            target, "the realm does not exist", "correct `realm`, or make it with `syncd bootstrap`"
        )
    if status == HTTPStatus.NOT_FOUND and "not enabled for this realm" in text:
        return PlaceMissing(target, text, "turn organizations on in Realm settings, or run `syncd bootstrap`")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in OVERLOADED:
        return Unreachable(
            target, f"{where}: Keycloak answered {status} {text}", "look at Keycloak's log and load"
        )
    return Answered(target, f"{where}: Keycloak answered {status} {text}", status)


_ROLES = {
    "users": ("view-users", "manage-users"),
    "groups": ("view-users", "manage-users"),
    "roles": ("view-realm", "manage-realm"),
    "roles-by-id": ("view-realm", "manage-realm"),
    "clients": ("view-clients", "manage-clients"),
    "client-scopes": ("view-clients", "manage-clients"),
    "organizations": ("manage-organizations", "manage-organizations"),
    "admin-events": ("view-events", "manage-events"),
    "events": ("view-events", "manage-events"),
}


def role_for(method: str, place: tuple[str, ...]) -> str:
    """The least realm-management role that allows a call, as measured on a live 26.7.5."""
    if place[:2] == ("users", "profile") and method != "GET":
        return "manage-realm"
    read, write = _ROLES.get(place[0] if place else "", ("view-realm", "manage-realm"))
    return read if method == "GET" else write


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything beneath it: `raise … from`, urllib3's `reason`, exceptions in `args`."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        seen.append(current)
        yield current
        queue += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
