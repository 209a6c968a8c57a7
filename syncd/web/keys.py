"""The keys by which a realm of Keycloak signs tokens, fetched when they are needed and kept for a while.

A key that left the realm is not accepted for longer than `FRESH`. A token can name any key id: looking
for an unknown one asks the server at most once in `AGAIN` seconds, however many such tokens arrive.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from syncd.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joserfc.jwk import Key

FRESH = 300.0
AGAIN = 10.0
SECONDS = 10
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm as the connection names it: address of the server, name, and a file of certificates."""

    url: str
    name: str
    ca: str = ""

    def at(self, path: str) -> str:
        """The address of something of the realm."""
        return f"{self.url.rstrip('/')}/realms/{self.name}/{path}"


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs tokens of a realm, as of `at` (monotonic seconds): issuer and public keys by their ids."""

    issuer: str
    keys: Mapping[str, Key]
    at: float


def fetch(url: str, ca: str) -> Any:
    """A JSON document of the server; raises OSError, HTTPException or ValueError."""
    trust = ssl.create_default_context(cafile=ca or None) if url.startswith("https:") else None
    with urlopen(url, timeout=SECONDS, context=trust) as answer:  # noqa: S310  the operator's own address
        return json.loads(answer.read(LARGEST))


class Keys:
    """The signers of every realm that was asked for."""

    def __init__(
        self,
        get: Callable[[str, str], Any] = fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._get = get
        self._clock = clock
        self._known: dict[Realm, Signers] = {}
        self._failed: dict[Realm, float] = {}
        self._guard = threading.Lock()

    def signers(self, realm: Realm, key_id: str) -> Signers:
        """Who signs for the realm now; fetched again where they are old, or `key_id` is not among them.

        Raises `Unreachable` where the realm cannot be asked.
        """
        with self._guard:
            known, now = self._known.get(realm), self._clock()
            if (
                known is None
                or now - known.at > FRESH
                or (key_id not in known.keys and now - known.at > AGAIN)
            ):
                known = self._known[realm] = self._fetched(realm, now)
            return known

    def _fetched(self, realm: Realm, now: float) -> Signers:
        if now - self._failed.get(realm, -AGAIN) < 1:
            raise Unreachable("keycloak", f"the keys of realm {realm.name} could not be read a moment ago")
        try:
            issuer = self._get(realm.at(".well-known/openid-configuration"), realm.ca)["issuer"]
            listed = self._get(realm.at("protocol/openid-connect/certs"), realm.ca)["keys"]
            keys = {
                str(one["kid"]): JWKRegistry.import_key(one)
                for one in listed
                if one.get("use") == "sig" and one.get("kty") in ("RSA", "EC", "OKP")
            }
        except (OSError, HTTPException, ValueError, KeyError, TypeError, JoseError) as error:
            self._failed[realm] = now
            raise Unreachable(
                "keycloak", f"the keys of realm {realm.name} cannot be read: {error}"
            ) from error
        return Signers(str(issuer), keys, now)
