"""Access tokens of a realm (RFC 6750, 7519): who bears one, or that it is not accepted.

Only asymmetric algorithms are known, and only the one that the realm's key is for: a token can choose
neither `none` nor a secret made of a public key. Why a token is refused is for the log, not for its bearer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

if TYPE_CHECKING:
    from syncd.web.keys import Keys, Realm

ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("Ed25519", "EdDSA"),
}
LONGEST = 16_384  # characters of a token; Keycloak's have one to four thousand
LEEWAY = 5  # seconds by which clocks may differ
KIND = "Bearer"  # what Keycloak calls an access token; identity and refresh tokens say ID and Refresh


class NotAccepted(Exception):
    """The token proves nothing; the text says why, and is never sent to its bearer."""


def subject_of(token: str, realm: Realm, audience: str, keys: Keys) -> str:
    """The account (Keycloak's user id) to which the realm issued this access token for this audience.

    Raises `NotAccepted`, and `Unreachable` where the keys cannot be read.
    """
    if not token or len(token) > LONGEST or not token.isascii():
        raise NotAccepted("it is empty, too long or no token")
    try:
        return str(_claims(token, realm, audience, keys)["sub"])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotAccepted(f"{type(error).__name__}: {error}") from error


def _claims(token: str, realm: Realm, audience: str, keys: Keys) -> dict[str, Any]:
    header = jws.extract_compact(token.encode()).headers()
    key_id = header["kid"]
    signers = keys.signers(realm, str(key_id))
    key = signers.keys.get(key_id)
    if key is None:
        raise NotAccepted("no key of the realm has this id")
    algorithms = [name for name in ALGORITHMS[key.key_type] if key.get("alg") in (None, name)]
    claims = jwt.decode(token, key, algorithms=algorithms).claims
    _registry(signers.issuer, audience).validate(claims)
    if claims.get("typ") != KIND:
        raise NotAccepted("it is no access token")
    if not isinstance(claims["sub"], str):
        raise NotAccepted("its subject is no text")
    return claims


def _registry(issuer: str, audience: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=lambda: int(time.time()),
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
