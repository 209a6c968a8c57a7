"""Tokens that nobody was given: forged from nothing, or altered from a real one; each time the same ones."""

from __future__ import annotations

import base64
import hmac
import json
import random
import time
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20_261_124


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header, claims and signature of a token."""
    header, claims, signature = token.split(".")
    return _read(header), _read(claims), signature


def _read(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _written(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Forger:
    """What an attacker can do with a real token and the public keys."""

    def __init__(self, token: str, public: dict[str, Any], other: str) -> None:
        """`public` is the key of the realm's JWKS, `other` a good token of another realm."""
        self.token, self.public, self.other = token, public, other
        self.header, self.claims, self.signature = parts(token)
        self.random = random.Random(SEED)
        self.rsa = RSAKey.generate_key(2048)
        self.ec = ECKey.generate_key("P-256")

    def classes(self) -> dict[str, Callable[[int], str]]:
        """Each way to forge, by name."""
        return {
            "unsigned": self._unsigned,
            "public key as secret": self._confused,
            "key of our own": self._own_key,
            "key id of nobody": self._strange_key,
            "other issuer": lambda n: self._signed(iss=f"https://elsewhere{n}.example/realms/acme"),
            "other audience": lambda n: self._signed(aud=f"other-{n}"),
            "expired": lambda n: self._signed(exp=int(time.time()) - 60 - n),
            "not yet": lambda n: self._signed(nbf=int(time.time()) + 3600 + n),
            "truncated": lambda n: self.token[: self.random.randrange(len(self.token) - 1)],
            "bit flipped": self._flipped,
            "claims swapped": self._swapped,
            "another realm": self._of_another,
            "no token": self._nonsense,
        }

    def all(self, number: int) -> Iterator[tuple[str, str]]:
        """(class, token), as many as asked for, the classes in turn."""
        ways = list(self.classes().items())
        for n in range(number):
            name, forge = ways[n % len(ways)]
            yield name, forge(n)

    def _unsigned(self, n: int) -> str:
        none = ("none", "None", "NONE", "nOnE")[n % 4]
        tail = (".", f".{self.signature}")[n // 4 % 2]
        return f"{_written({**self.header, 'alg': none})}.{_written(self.claims)}{tail}"

    def _confused(self, n: int) -> str:
        """HS256 under what everybody knows: the public key, written in one form or another."""
        pem = RSAKey.import_key(self.public).as_pem(private=False)
        secret = (pem, pem.strip(), json.dumps(self.public).encode(), self.public["n"].encode())[n % 4]
        said = f"{_written({**self.header, 'alg': 'HS256'})}.{_written(self.claims)}"
        seal = hmac.digest(secret, said.encode(), "sha256")
        return f"{said}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"

    def _own_key(self, n: int) -> str:
        if n % 2:
            return self._sign(self.ec, {**self.header, "alg": "ES256"}, self.claims)
        header = {**self.header, "jwk": self.rsa.as_dict(private=False)}
        return self._sign(self.rsa, header, self.claims)

    def _strange_key(self, n: int) -> str:
        return self._sign(self.rsa, {**self.header, "kid": f"{n}-{'../' * (n % 3)}"}, self.claims)

    def _signed(self, **claims: Any) -> str:
        return self._sign(self.rsa, self.header, {**self.claims, **claims})

    def _sign(self, key: Any, header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=[header["alg"]])

    def _flipped(self, _n: int) -> str:
        """One bit of what the three parts encode is another."""
        pieces = [bytearray(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in self.token.split(".")]
        piece = self.random.choice(pieces)
        piece[self.random.randrange(len(piece))] ^= 1 << self.random.randrange(8)
        return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in pieces)

    def _swapped(self, n: int) -> str:
        """Other claims under the real signature."""
        claims = {**self.claims, "sub": f"{n}", "preferred_username": "admin"}
        return f"{self.token.split('.')[0]}.{_written(claims)}.{self.signature}"

    def _of_another(self, n: int) -> str:
        """A good token of another realm; or its signature under our claims."""
        theirs = self.other.split(".")
        return self.other if n % 2 else ".".join((theirs[0], self.token.split(".")[1], theirs[2]))

    def _nonsense(self, n: int) -> str:
        return ("a.b.c", "..", "x" * 20_000, f"{n}", "null.null.null", f"{self.token}.{n}")[n % 6]
