"""One connection against a server that misbehaves on command: tokens, retries, pages, failures."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from syncd.errors import (
    IncompleteRead,
    LoginRefused,
    NotTrusted,
    PermissionMissing,
    PlaceMissing,
    TargetError,
    Unreachable,
)
from syncd.targets.keycloak_connection import IN_FLIGHT, KeycloakConnection
from syncd.targets.keycloak_failures import NotSent, answer_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = tuple[int, Any]


class Server(http.server.ThreadingHTTPServer):
    """Answers as `answer` says, keeps what it was asked, and counts its tokens."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, str]] = []
        self.tokens = 0
        self.good_token = ""
        self.login: Callable[[], Answer] = self.give_token
        self.answer: Callable[[str, str], Answer] = lambda method, path: (200, {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def give_token(self) -> Answer:
        self.tokens += 1
        self.good_token = f"token{self.tokens}"
        return 200, {"access_token": self.good_token, "expires_in": 300}

    def calls(self, method: str) -> list[str]:
        return [path for verb, path, _ in self.asked if verb == method]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path.endswith("/protocol/openid-connect/token"):
            status, answer = self.server.login()
        elif self.headers["Authorization"] != f"Bearer {self.server.good_token}":
            status, answer = 401, {"error": "HTTP 401 Unauthorized"}
        else:
            self.server.asked.append((self.command, self.path, body))
            status, answer = self.server.answer(self.command, self.path)
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - names that http.server looks for

    def log_message(self, *args: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connection(server: Server) -> Iterator[KeycloakConnection]:
    made = connect(server.url)
    yield made
    made.close()


def connect(url: str, **more: Any) -> KeycloakConnection:
    return KeycloakConnection(url=url, realm="acme", client_id="syncd", client_secret="s", **more)


def until(met: Callable[[], object]) -> None:
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_many_threads_fetch_one_token(server: Server, connection: KeycloakConnection) -> None:
    def slowly() -> Answer:
        time.sleep(0.05)
        return server.give_token()

    server.login = slowly
    connection.all_of(lambda number: connection.get("users", str(number)), range(50))
    assert server.tokens == 1
    assert connection.requests == 50


def test_a_token_that_was_revoked_is_renewed_once_for_all_threads(
    server: Server, connection: KeycloakConnection
) -> None:
    connection.login()
    server.good_token = "another"
    connection.all_of(lambda number: connection.call("PUT", "users", str(number)), range(8))
    assert server.tokens == 2
    assert sorted(server.calls("PUT")) == [f"/admin/realms/acme/users/{n}" for n in range(8)]


def test_a_token_is_renewed_before_its_end(server: Server, connection: KeycloakConnection) -> None:
    server.login = lambda: (server.give_token()[0], {"access_token": server.good_token, "expires_in": 0})
    connection.get()
    connection.get()
    assert server.tokens == 2


def test_a_new_token_that_is_refused_points_to_the_audience(
    server: Server, connection: KeycloakConnection
) -> None:
    server.login = lambda: (200, {"access_token": "never good", "expires_in": 300})
    with pytest.raises(LoginRefused) as refused:
        connection.get("users")
    assert "kc-admin-api" in refused.value.remedy


@pytest.mark.parametrize(
    ("segment", "path"),
    [
        ("a/b c?#;x", "a%2Fb%20c%3F%23%3Bx"),
        ("Qualité", "Qualit%C3%A9"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
    ],
)
def test_path_segments_are_quoted(
    server: Server, connection: KeycloakConnection, segment: str, path: str
) -> None:
    connection.get("roles", segment)
    assert server.calls("GET") == [f"/admin/realms/acme/roles/{path}"]


def test_a_path_before_the_realms_is_kept(server: Server) -> None:
    server.answer = lambda method, path: (200, [path])
    connection = connect(f"{server.url}/auth")
    assert connection.get("users") == ["/auth/admin/realms/acme/users"]
    connection.close()


def test_a_read_is_tried_again_while_the_server_is_overloaded(
    server: Server, connection: KeycloakConnection
) -> None:
    answers = iter([(503, {}), (502, {}), (200, ["there"])])
    server.answer = lambda method, path: next(answers)
    assert connection.get("users") == ["there"]
    assert connection.requests == 3


def test_a_read_gives_up_after_three_attempts(server: Server, connection: KeycloakConnection) -> None:
    server.answer = lambda method, path: (500, {"error": "unknown_error"})
    with pytest.raises(Unreachable, match="500 unknown_error"):
        connection.get("users")
    assert connection.requests == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_sent_once_whatever_happens(
    server: Server, connection: KeycloakConnection, method: str
) -> None:
    server.answer = lambda verb, path: (503, {})
    with pytest.raises(Unreachable):
        connection.call(method, "users", "1")
    assert len(server.asked) == 1


def test_a_write_whose_answer_takes_too_long_is_not_repeated(server: Server) -> None:
    given_up = threading.Event()

    def hang(method: str, path: str) -> Answer:
        given_up.wait()
        return 204, None

    server.answer = hang
    connection = connect(server.url, seconds=0.1)
    connection._login.connection.timeout = 60
    connection.login()
    try:
        with pytest.raises(Unreachable, match=r"no answer within 0\.1 s") as lost:
            connection.call("PUT", "users", "1", "execute-actions-email")
        with contextlib.closing(connect(server.url)) as later:
            later.login()  # the server has taken every connection that came before
        until(lambda: server.asked)
    finally:
        given_up.set()
    assert not isinstance(lost.value, NotSent)
    assert len(server.asked) == 1
    connection.close()


@pytest.mark.parametrize(
    ("method", "place", "role"),
    [
        ("GET", ("users",), "view-users"),
        ("PUT", ("users", "1"), "manage-users"),
        ("POST", ("groups",), "manage-users"),
        ("GET", ("roles",), "view-realm"),
        ("POST", ("clients", "x", "roles"), "manage-clients"),
        ("GET", ("admin-events",), "view-events"),
        ("PUT", ("users", "profile"), "manage-realm"),
        ("GET", ("organizations",), "manage-organizations"),
    ],
)
def test_a_forbidden_call_names_the_role_that_is_missing(
    server: Server, connection: KeycloakConnection, method: str, place: tuple[str, ...], role: str
) -> None:
    server.answer = lambda verb, path: (403, {"error": "HTTP 403 Forbidden"})
    reply = connection.call(method, *place)
    failure = answer_failure("sso", method, place, reply.status, reply.body)
    assert isinstance(failure, PermissionMissing)
    assert failure.message.endswith(role)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (
            (401, {"error": "unauthorized_client", "error_description": "Invalid client"}),
            LoginRefused,
            "Invalid client",
        ),
        ((400, {"error": "unauthorized_client"}), LoginRefused, "may not log in"),
        ((404, {"error": "Realm does not exist"}), PlaceMissing, 'realm "acme" does not exist'),
        ((503, {"error": "down"}), Unreachable, "503"),
        ((500, "<html>"), Unreachable, "500"),
    ],
)
def test_a_login_that_fails_says_why(
    server: Server, connection: KeycloakConnection, answer: Answer, kind: type[TargetError], text: str
) -> None:
    server.login = lambda: answer
    with pytest.raises(kind, match=text):
        connection.login()


def test_a_server_that_is_down_was_never_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    connection = connect(f"http://127.0.0.1:{port}")
    with pytest.raises(NotSent, match="refuses connections"):
        connection.call("PUT", "users", "1")
    connection.close()


def test_a_host_without_address_is_named() -> None:
    connection = connect("http://sso.acme.invalid")
    with pytest.raises(NotSent, match=r"sso\.acme\.invalid/ has a host without an address"):
        connection.login()
    connection.close()


def test_a_server_that_hangs_up_is_unreachable_and_may_have_been_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return
                near.recv(1)
                near.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        connection = connect(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Unreachable, match="broke") as lost:
            connection.login()
        assert not isinstance(lost.value, NotSent)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        connection.close()


# Pages


def pages(rows: Callable[[], list[int]]) -> Callable[[str, str], Answer]:
    def answer(method: str, path: str) -> Answer:
        query = parse_qs(urlsplit(path).query)
        first, most = int(query["first"][0]), int(query["max"][0])
        return 200, [{"id": row} for row in rows()[first : first + most]]

    return answer


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 398, 399, 400, 1000])
def test_pages_overlap_and_add_up(server: Server, connection: KeycloakConnection, count: int) -> None:
    server.answer = pages(lambda: list(range(count)))
    assert [row["id"] for row in connection.paged("users")] == list(range(count))


def test_a_row_removed_between_two_pages_is_noticed_and_the_list_read_again(
    server: Server, connection: KeycloakConnection
) -> None:
    rows = list(range(500))
    turns = iter(range(100))

    def shrinking() -> list[int]:
        if next(turns) == 1:
            rows.pop(0)
        return rows

    server.answer = pages(shrinking)
    assert [row["id"] for row in connection.paged("users")] == list(range(1, 500))


def test_a_list_that_never_holds_still_is_an_incomplete_read(
    server: Server, connection: KeycloakConnection
) -> None:
    rows = list(range(1000))

    def shrinking() -> list[int]:
        rows.pop(0)
        return rows

    server.answer = pages(shrinking)
    with pytest.raises(IncompleteRead, match="kept changing"):
        connection.paged("groups", "g", "members")


def test_a_group_that_vanishes_while_it_is_read_is_an_incomplete_read(
    server: Server, connection: KeycloakConnection
) -> None:
    server.answer = lambda method, path: (404, {"error": "Could not find group by id"})
    with pytest.raises(IncompleteRead, match="vanished"):
        connection.paged("groups", "g", "children")


def test_who_stops_listening_stops_what_has_not_begun(
    server: Server, connection: KeycloakConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, stopped = threading.Lock(), threading.Event()

    def answer(method: str, path: str) -> Answer:
        if not first.acquire(blocking=False):
            stopped.wait()
        return 204, None

    shutdown = ThreadPoolExecutor.shutdown

    def stop(self: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
        shutdown(self, wait=False, cancel_futures=cancel_futures)
        stopped.set()
        shutdown(self, wait=wait)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", stop)
    server.answer = answer
    outcomes = connection.each_of(lambda number: connection.call("PUT", "users", str(number)), range(200))
    next(outcomes)
    outcomes.close()
    assert len(server.asked) <= 1 + IN_FLIGHT


# Certificates


@pytest.fixture
def tls_server(server: Server, tmp_path: Path) -> tuple[Server, Path]:
    """The same server behind a certificate that it signed itself; returns it with the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sso.acme.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "ca.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = tmp_path / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server, pem


def test_a_certificate_of_an_unknown_authority_is_not_trusted(tls_server: tuple[Server, Path]) -> None:
    server, _ = tls_server
    connection = connect(server.url.replace("http://127.0.0.1", "https://localhost"))
    with pytest.raises(NotTrusted, match="self-signed") as refused:
        connection.login()
    assert "`ca`" in refused.value.remedy
    connection.close()


def test_the_named_authority_is_trusted_for_its_own_hosts_only(tls_server: tuple[Server, Path]) -> None:
    server, ca = tls_server
    right = connect(server.url.replace("http://127.0.0.1", "https://localhost"), ca=str(ca))
    assert right.get("users") == {}
    wrong = connect(server.url.replace("http://", "https://"), ca=str(ca))
    with pytest.raises(NotTrusted, match=r"not valid for '127\.0\.0\.1'"):
        wrong.login()
    right.close()
    wrong.close()


def test_plain_http_behind_an_https_address_is_no_certificate_problem(server: Server) -> None:
    connection = connect(server.url.replace("http://", "https://"))
    with pytest.raises(NotSent, match="TLS handshake"):
        connection.login()
    connection.close()


def test_a_missing_file_of_authorities_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotTrusted, match=r"none\.pem"):
        connect("https://localhost", ca=str(tmp_path / "none.pem"))
