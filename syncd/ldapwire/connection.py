"""One bound connection to one of several servers: opened, secured and logged in by ldap3, fixed profile.

The profile is not up for discussion because each setting has bitten somebody: synchronous strategy
(the asynchronous one spins after a lost connection, the restarting one sends writes twice), no
referral chasing (it would bind elsewhere with our password), no name checking (it refuses legal DNs),
timeouts always, certificates always verified by `ssl` itself including addresses as names.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPExceptionError

from syncd import traffic
from syncd.errors import LoginRefused, NotTrusted, PermissionMissing, TargetError, Unreachable
from syncd.ldapwire import ber
from syncd.ldapwire.operations import BUSY, CODE_NAMES, INSUFFICIENT_ACCESS, SUCCESS, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable

_RECEIVE = 262_144
_HOLD_DOWN = 30.0
_HOLD_DOWN_MOST = 600.0


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Where a directory is and how to log in. Timeouts are whole seconds.

    `name` is the connection's name in syncd.yaml, for messages. `ca` is a file of trusted
    certificates; without it the system's are trusted. `insecure` allows `ldap://` without TLS to
    another machine; it never switches the check of certificates off. `wire` is `lean` or `stock`.
    `may_write` is asked before each write; where it says no, the write is not sent.
    """

    name: str
    urls: tuple[str, ...]
    bind_dn: str
    password: str = field(repr=False)
    ca: str = ""
    start_tls: bool = False
    insecure: bool = False
    wire: str = "lean"
    page_size: int = 500
    connect_timeout: int = 5
    receive_timeout: int = 30
    may_write: Callable[[], bool] = lambda: True


class ConnectionLost(Exception):  # an event of the wire, turned into a TargetError or Reply above it
    """The connection broke, timed out, or said what is no LDAP; it is closed by now."""


class ContextTls(ldap3.Tls):
    """TLS by an `SSLContext` of ours: server name sent, host names and addresses both verified.

    ldap3's own never matches an address from Python 3.12 on, sends no server name, and hides the
    reason of a failure in text; `failure` keeps it.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.context = context
        self.failure: ssl.SSLError | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002  # ldap3's signature
        """Wrap the connection's socket; the handshake happens here."""
        try:
            connection.socket = self.context.wrap_socket(
                connection.socket, server_hostname=connection.server.host
            )
        except ssl.SSLError as error:
            self.failure = error
            raise


class Connection:
    """A login that is opened when first needed and opened anew after it broke.

    Servers are tried in the order given; one that failed is left out for a while, longer each time,
    unless all have. Not for several threads at once.
    """

    def __init__(self, settings: ConnectionSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.url = ""
        self._clock = clock
        self._raw: Any = None
        self._buffer = b""
        self._position = 0
        self._used = 0.0
        self._held: dict[str, tuple[float, float]] = {}

    @property
    def raw(self) -> Any:
        """The bound ldap3 connection. Raises what `open` raises."""
        if self._raw is None:
            self.open()
        return self._raw

    @property
    def idle_seconds(self) -> float:
        """How long nothing was sent; 0 while not open."""
        return self._clock() - self._used if self._raw is not None else 0.0

    def open(self) -> None:
        """Connect, secure and log in, at the first server that lets us.

        Raises `Unreachable`, `NotTrusted`, `LoginRefused` or `PermissionMissing`. A refused login is
        not tried elsewhere: it would count towards a lock of the account on every server.
        """
        self.close()
        failures: list[TargetError] = []
        for url in self._order():
            try:
                self._raw = self._login(url)
            except (Unreachable, NotTrusted) as error:
                self._hold(url)
                failures.append(error)
            else:
                self.url = url
                self._used = self._clock()
                self._held.pop(url, None)
                return
        raise _together(self.settings.name, failures)

    def close(self) -> None:
        """End the connection; may be called at any time."""
        raw, self._raw = self._raw, None
        self._buffer, self._position = b"", 0
        if raw is not None:
            try:
                raw.unbind()
            except (LDAPExceptionError, OSError):
                _abandon(raw)

    def next_id(self) -> int:
        """A fresh message id."""
        return int(self.raw.server.next_message_id())

    def send(self, data: bytes) -> None:
        """Send messages. Raises `ConnectionLost`."""
        socket = self.raw.socket
        self._used = self._clock()
        try:
            socket.sendall(data)
        except OSError as error:
            raise self.lost(f"while sending: {error}") from error

    def receive(self) -> ber.Message:
        """The next message. Raises `ConnectionLost`, also where the server says that it hangs up."""
        try:
            while not (end := ber.whole(self._buffer, self._position)):
                self._fill()
            message = ber.read_message(self._buffer, self._position, end)
        except ber.ProtocolError as error:
            raise self.lost(str(error)) from error
        self._position = end
        if message.id == 0:
            raise self.lost(f"the server hung up: {ber.read_answer(message).text or 'no reason given'}")
        return message

    def lost(self, why: str) -> ConnectionLost:
        """Drop the connection and give the exception to raise."""
        url = self.url
        self.close()
        return ConnectionLost(f"{url}: {why}")

    def _fill(self) -> None:
        try:
            data = self.raw.socket.recv(_RECEIVE)
        except TimeoutError as error:
            raise self.lost(f"no answer within {self.settings.receive_timeout} s") from error
        except OSError as error:
            raise self.lost(f"while receiving: {error}") from error
        if not data:
            raise self.lost("the server closed the connection")
        self._buffer = self._buffer[self._position :] + data
        self._position = 0

    def _order(self) -> tuple[str, ...]:
        now = self._clock()
        free = tuple(url for url in self.settings.urls if self._held.get(url, (0.0, 0.0))[0] <= now)
        return free or self.settings.urls

    def _hold(self, url: str) -> None:
        _, last = self._held.get(url, (0.0, 0.0))
        wait = min(last * 2 or _HOLD_DOWN, _HOLD_DOWN_MOST)
        self._held[url] = (self._clock() + wait, wait)

    def _login(self, url: str) -> Any:
        settings = self.settings
        secure = _must_be_secure(settings, url)
        tls = ContextTls(_context(settings)) if secure else None
        raw = _ldap3_connection(settings, url, tls)
        try:
            raw.open(read_server_info=False)
            if secure and not url.startswith("ldaps:"):
                raw.start_tls(read_server_info=False)
            raw.bind(read_server_info=False)
        except (LDAPExceptionError, OSError) as error:
            _abandon(raw)
            traffic.count(settings.name, "bind", traffic.NO_ANSWER)
            raise _login_failure(settings, url, tls, error) from error
        traffic.count(settings.name, "bind", raw.result["result"])
        if raw.result["result"] != SUCCESS:
            code, words = raw.result["result"], raw.result["message"]
            _abandon(raw)
            raise _login_answer(settings, url, code, words)
        return raw


def _must_be_secure(settings: ConnectionSettings, url: str) -> bool:
    """Whether this URL gets TLS. Raises `NotTrusted` where the password would travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme == "ldaps" or (settings.start_tls and parts.scheme == "ldap"):
        return True
    if parts.scheme not in ("ldap", "ldapi"):
        raise NotTrusted(
            settings.name, f"{url!r} is not an LDAP address", "Write ldaps://HOST or ldap://HOST."
        )
    if parts.scheme == "ldapi" or settings.insecure or _is_loopback(parts.hostname or ""):
        return False
    raise NotTrusted(
        settings.name,
        f"{url} would send the password of {settings.bind_dn} unencrypted",
        "Use ldaps://, or set start_tls: true; insecure: true on the connection allows it nevertheless.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _context(settings: ConnectionSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca or None)
    except OSError as error:
        raise NotTrusted(
            settings.name,
            f"the certificate file {settings.ca} cannot be read: {error}",
            "Check `ca` of the connection: a PEM file that syncd may read.",
        ) from error


def _ldap3_connection(settings: ConnectionSettings, url: str, tls: ContextTls | None) -> Any:
    try:
        server = ldap3.Server(url, get_info=ldap3.NONE, connect_timeout=settings.connect_timeout, tls=tls)
    except LDAPExceptionError as error:
        raise Unreachable(settings.name, f"{url!r} is not a usable address: {error}") from error
    return ldap3.Connection(
        server,
        settings.bind_dn,
        settings.password,
        authentication=ldap3.SIMPLE,
        client_strategy=ldap3.SYNC,
        check_names=False,
        auto_referrals=False,
        auto_range=False,
        return_empty_attributes=False,
        receive_timeout=settings.receive_timeout,
    )


def _abandon(raw: Any) -> None:
    """Close the socket, which ldap3 forgets where the connection was never open for it."""
    socket = raw.socket
    raw.strategy.close()
    if socket is not None:
        socket.close()


def _login_failure(
    settings: ConnectionSettings, url: str, tls: ContextTls | None, error: Exception
) -> TargetError:
    failure = tls.failure if tls else None
    if isinstance(failure, ssl.SSLCertVerificationError):
        return NotTrusted(
            settings.name,
            f"the certificate of {url} does not hold: {failure.verify_message}",
            "Name the signing authority as `ca` of the connection, and the server as its certificate does.",
        )
    if failure is not None:
        return NotTrusted(settings.name, f"no TLS with {url}: {failure}", "Is this the port for TLS?")
    if not settings.password:
        return LoginRefused(settings.name, f"no password is set for {settings.bind_dn}", "Set `password`.")
    return Unreachable(settings.name, f"{url}: {error}", "Is the server running, and reachable from here?")


def _login_answer(settings: ConnectionSettings, url: str, code: int, words: str) -> TargetError:
    reason = f"{CODE_NAMES.get(code, 'error')} ({code}){f': {words}' if words else ''}"
    text = f"{url} refuses the login of {settings.bind_dn}: {reason}"
    if code in (BUSY, UNAVAILABLE):
        return Unreachable(settings.name, text)
    if code == INSUFFICIENT_ACCESS:
        return PermissionMissing(settings.name, text, "Allow this entry to log in (access rule `auth`).")
    return LoginRefused(
        settings.name, text, "Check bind_dn and password of the connection, and that the entry is not locked."
    )


def _together(name: str, failures: list[TargetError]) -> TargetError:
    """One error for all servers tried: not trusted weighs more than not reached."""
    if not failures:
        return Unreachable(name, "no address is given", "Write `urls` of the connection.")
    worst = next((error for error in failures if isinstance(error, NotTrusted)), failures[0])
    if len(failures) == 1:
        return worst
    reasons = "; ".join(error.message.removeprefix(f"{name}: ") for error in failures)
    return type(worst)(name, f"no server can be used: {reasons}", worst.remedy)
