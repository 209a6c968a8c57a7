"""One connection to one realm of Keycloak: python-keycloak's transport, with the traps taken out.

Out of the library as it comes: a blind second try of every verb (two mails for one call), a token
fetched once for each thread that finds it old, paths formatted without quoting, and failures without
their cause. Here nothing but a read is repeated, the token is renewed by one thread while the others
wait, every path segment is percent-encoded, and each failure is a `TargetError` with its cure.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import stamina
from keycloak import KeycloakOpenID
from keycloak.connection import ConnectionManager
from keycloak.exceptions import KeycloakConnectionError, KeycloakError

from syncd import traffic
from syncd.errors import TAKEN_OVER, IncompleteRead, NotTrusted, TargetError, Unreachable
from syncd.targets.keycloak_failures import (
    OVERLOADED,
    WHOLE_ANSWER,
    Answered,
    NotSent,
    answer_failure,
    login_failure,
    transport_failure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

IN_FLIGHT = 8  # the knee of every throughput curve measured on Keycloak 26.7.5
PAGE = 200  # larger pages of groups cost more than their share
READ_ATTEMPTS = 3
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
READING = stamina.RetryingCaller(attempts=READ_ATTEMPTS, wait_initial=0.1, wait_jitter=0.2, timeout=None)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the Admin API: status, parsed body, headers."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the call did what it says."""
        return self.status in WHOLE_ANSWER

    @property
    def made(self) -> str:
        """The id at the end of `Location`: what a 201 made."""
        return self.headers.get("Location", "").rpartition("/")[2]


def claims_of(token: str) -> dict[str, Any]:
    """The claims of the account's own token; the server that issued it is the one that checks it."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float  # monotonic seconds


class KeycloakConnection:
    """A service account of one realm. Threads may share it; `requests` counts calls of the Admin API.

    `login_realm` is where the client lives when that is not `realm` (an administrator of master).
    `ca` is a PEM file; certificates are always verified. Seconds are for one answer, not for a run.
    `may_write` is asked before each call that is no read; where it says no, `NotSent` is raised.
    """

    def __init__(  # noqa: PLR0913 - each is a line of the operator's file, all by name
        self,
        *,
        url: str,
        realm: str,
        client_id: str,
        client_secret: str,
        name: str = "keycloak",
        login_realm: str = "",
        ca: str = "",
        seconds: float = ANSWER_SECONDS,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.url = url.rstrip("/") + "/"
        self.realm = realm
        self.client_id = client_id
        self.login_realm = login_realm or realm
        self.requests = 0
        self._seconds = seconds
        self._may_write = may_write
        self._token: _Token | None = None
        self._renewing = threading.Lock()
        self._counting = threading.Lock()
        options: dict[str, Any] = {
            "timeout": (CONNECT_SECONDS, seconds),
            "max_retries": 0,
            "pool_maxsize": IN_FLIGHT,
        }
        self._http = ConnectionManager(self.url, headers={"Content-Type": "application/json"}, **options)
        self._login = KeycloakOpenID(self.url, self.login_realm, client_id, client_secret, **options)
        if ca:
            self._trust(ca)

    def close(self) -> None:
        """End the pooled sockets; the connection opens new ones if it is used again."""
        for manager in (self._http, self._login.connection):
            manager._s.close()  # noqa: SLF001 - python-keycloak has no public close

    def login(self, *, fresh: bool = False) -> str:
        """A token that is good for a while, new if `fresh`; raises what keeps the account from logging in."""
        token = self._token
        if fresh or token is None or time.monotonic() >= token.renew_at:
            token = self._renew(token.text if token else "")
        return token.text

    def get(self, *place: str, **query: Any) -> Any:
        """The JSON below the realm at `place`, whose segments are quoted; read again where nobody answered.

        Raises `Answered` for a status that is about the thing itself (404 of a group, say).
        """
        return READING(Unreachable, self._read, *place, **query)

    def _read(self, *place: str, **query: Any) -> Any:
        reply = self.call("GET", *place, **query)
        if not reply.ok:
            raise answer_failure(self.name, "GET", place, reply.status, reply.body)
        return reply.body

    def find(self, *place: str, **query: Any) -> Any | None:
        """As `get`, with None for what does not exist."""
        try:
            return self.get(*place, **query)
        except Answered as answered:
            if answered.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def paged(self, *place: str, **query: Any) -> list[dict[str, Any]]:
        """A whole list that Keycloak keeps in a stable order (unique names), read in overlapping pages.

        Each page begins with the last row of the one before it: whatever is inserted or removed
        meanwhile shifts the offsets and shows at the seam. Three such drifts raise `IncompleteRead`.
        """
        for _ in range(READ_ATTEMPTS):
            try:
                rows = self._pages(place, query)
            except Answered as answered:
                if answered.status != HTTPStatus.NOT_FOUND:
                    raise
                raise IncompleteRead(
                    self.name, f"{'/'.join(place)} vanished while it was read", "try again"
                ) from answered
            if rows is not None:
                return rows
        raise IncompleteRead(
            self.name,
            f"{'/'.join(place)} kept changing while it was read",
            "try again when fewer writes go on",
        )

    def call(self, method: str, *place: str, body: Any = None, **query: Any) -> Reply:
        """One call below the realm, sent once; on 401 once more with a new token, since nothing was done.

        Returns any answer but those of an overloaded server or proxy, which raise `Unreachable`, as
        does no answer at all (`NotSent` where it never left).
        """
        return self.call_server(method, "realms", self.realm, *place, body=body, **query)

    def call_server(self, method: str, *place: str, body: Any = None, **query: Any) -> Reply:
        """As `call`, below `/admin` of the whole server: `realms` to make one, `serverinfo`."""
        used = self.login()
        reply = self._send(method, place, body, query, used)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            reply = self._send(method, place, body, query, self._renew(used).text)
        if reply.status in OVERLOADED or reply.status == HTTPStatus.UNAUTHORIZED:
            raise answer_failure(self.name, method, place[2:], reply.status, reply.body)
        return reply

    def all_of(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`function` of each item, 8 in flight, in the order of the items; the first error ends it."""
        with ThreadPoolExecutor(IN_FLIGHT, "keycloak") as threads:
            futures = [threads.submit(function, item) for item in items]
            try:
                return [future.result() for future in futures]
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def each_of(self, function: Callable[[T], R], items: Iterable[T]) -> Generator[R]:
        """As `all_of`, in the order in which they end; who stops listening stops what has not begun."""
        with ThreadPoolExecutor(IN_FLIGHT, "keycloak") as threads:
            futures = [threads.submit(function, item) for item in items]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                threads.shutdown(wait=True, cancel_futures=True)

    def _trust(self, ca: str) -> None:
        """Take the authorities of a PEM file instead of the public ones; set late, since httpx, which the
        library builds beside what is used here, deprecates file names.
        """
        try:
            ssl.create_default_context(cafile=ca)
        except OSError as error:
            remedy = "name a readable PEM file as `ca` of this connection"
            raise NotTrusted(self.name, f"the certificate authorities in {ca}: {error}", remedy) from error
        for manager in (self._http, self._login.connection):
            manager.verify = ca

    def _pages(self, place: tuple[str, ...], query: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = []
        while True:
            first = max(len(rows) - 1, 0)
            page = self.get(*place, **query, first=first, max=PAGE)
            if rows:
                if not page or page[0]["id"] != rows[-1]["id"]:
                    return None
                rows.pop()
            rows += page
            if len(page) < PAGE:
                return rows if len({row["id"] for row in rows}) == len(rows) else None

    def _send(
        self, method: str, place: tuple[str, ...], body: Any, query: Mapping[str, Any], token: str
    ) -> Reply:
        path = "/".join(quote(segment, safe="") for segment in ("admin", *place))
        if method != "GET" and not self._may_write():
            raise NotSent(self.name, TAKEN_OVER)
        with self._counting:
            self.requests += 1
        self._http.add_param_headers("Authorization", f"Bearer {token}")
        data: Any = "" if body is None else json.dumps(body)
        try:
            match method:
                case "GET":
                    response = self._http.raw_get(path, **query)
                case "POST":
                    response = self._http.raw_post(path, data=data, **query)
                case "PUT":
                    response = self._http.raw_put(path, data=data, **query)
                case _:
                    response = self._http.raw_delete(path, data=data or None, **query)
        except KeycloakConnectionError as error:
            traffic.count(self.name, method, traffic.NO_ANSWER)
            raise transport_failure(self.name, self.url, error, self._seconds) from error
        traffic.count(self.name, method, response.status_code)
        try:
            parsed = response.json() if response.content else None
        except ValueError:
            parsed = response.text
        return Reply(response.status_code, parsed, response.headers)

    def _renew(self, stale: str) -> _Token:
        """A token other than `stale`: fetched, unless another thread has done so while this one waited."""
        with self._renewing:
            if self._token is None or self._token.text == stale:
                asked = time.monotonic()
                answer = self._fetch_token()
                self._token = _Token(answer["access_token"], asked + 0.8 * float(answer["expires_in"]))
            return self._token

    def _fetch_token(self) -> dict[str, Any]:
        try:
            token: dict[str, Any] = self._login.token(grant_type="client_credentials")
        except KeycloakConnectionError as error:
            traffic.count(self.name, "token", traffic.NO_ANSWER)
            raise transport_failure(self.name, self.url, error, self._seconds) from error
        except KeycloakError as error:
            traffic.count(self.name, "token", error.response_code or traffic.NO_ANSWER)
            raise self._login_error(error) from error
        traffic.count(self.name, "token", HTTPStatus.OK)
        return token

    def _login_error(self, error: KeycloakError) -> TargetError:
        try:
            body = json.loads(error.response_body or b"")
        except ValueError:
            body = (error.response_body or b"").decode(errors="replace")
        return login_failure(self.name, self.login_realm, self.client_id, error.response_code or 0, body)
