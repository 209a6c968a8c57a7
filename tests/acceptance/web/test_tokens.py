"""Who may call the API: only who bears an access token of the realm, for this audience, now."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from syncd.errors import Unreachable
from syncd.web.keys import AGAIN, FRESH, Keys, Realm
from syncd.web.tokens import NotAccepted, subject_of
from tests.acceptance.web.forging import Forger
from tests.acceptance.web.portal import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.product import Product
    from tests.acceptance.web.portal import Portal

pytestmark = pytest.mark.live

FORGED = 1000
ADMIN = "clemence.harispe@fanal.example"


@pytest.fixture(scope="module")
def todoist(product: Callable[[str], Product]) -> Product:
    return product("todoist")


@pytest.fixture(scope="module")
def web(todoist: Product, portal: Callable[[Product], Portal]) -> Portal:
    return portal(todoist)


def certs(site: Product) -> list[dict[str, Any]]:
    url = f"{site.keycloak.url}/realms/{site.realm}/protocol/openid-connect/certs"
    with urllib.request.urlopen(url, timeout=60) as answer:
        keys: list[dict[str, Any]] = json.load(answer)["keys"]
    return [key for key in keys if key["use"] == "sig"]


def test_a_thousand_forged_and_altered_tokens_are_refused_alike(todoist: Product, web: Portal) -> None:
    token = web.token(ADMIN)
    web.get("members", token=token).ok()
    forger = Forger(token, certs(todoist)[0], todoist.keycloak.admin_token())
    before = todoist.snapshot()
    answers: Counter[tuple[str, int, str]] = Counter()
    for name, forged in forger.all(FORGED):
        reply = web.get("members", token=forged)
        answers[name, reply.status, reply.text] += 1
        assert (reply.kind, reply.headers["www-authenticate"]) == ("application/problem+json", "Bearer")
    assert answers.total() == FORGED
    assert {status for _, status, _ in answers} == {401}
    assert len({text for _, _, text in answers}) == 1
    assert len({name for name, _, _ in answers}) == len(forger.classes())
    assert todoist.snapshot() == before
    web.get("members", token=token).ok()


def test_neither_an_identity_token_nor_a_refresh_token_is_an_access_token(web: Portal) -> None:
    tokens = web.log_in(ADMIN)
    web.get("members", token=tokens["access_token"]).ok()
    assert [web.get("members", token=tokens[kind]).status for kind in ("id_token", "refresh_token")] == [
        401
    ] * 2


def test_a_token_is_good_for_its_own_mapping_only_and_another_one_answers_as_if_there_were_none(
    web: Portal,
) -> None:
    token = web.token(ADMIN)
    replies = [web.call("GET", "members", None, token, mapping=name) for name in ("dastra", "nosuch")]
    assert [reply.status for reply in replies] == [401, 401]
    assert replies[0].text == replies[1].text
    assert web.get("members").status == 401


KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "k1"})
SIGNING = RSAKey.import_key(KEY.as_pem(private=True))


class Issuer:
    """A realm with a key of which we have the private half: each claim can be wrong by itself."""

    def __init__(self) -> None:
        self.key = KEY
        self.asked = 0
        self.away = False
        self.now = 1000.0
        self.keys = Keys(self._get, lambda: self.now)
        self.realm = Realm("https://sso.example", "acme")

    def _get(self, url: str, _ca: str) -> Any:
        if self.away:
            raise OSError("no route")
        if url.endswith("openid-configuration"):
            return {"issuer": "https://sso.example/realms/acme"}
        self.asked += 1
        return {"keys": [self.key.as_dict(private=False)]}

    def claims(self, **other: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {"iss": "https://sso.example/realms/acme", "aud": ["account", AUDIENCE], "sub": "u-1"}
        said |= {"typ": "Bearer", "iat": now, "exp": now + 60}
        return {name: value for name, value in {**said, **other}.items() if value is not None}

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        head = {"alg": "RS256", "kid": "k1", **header}
        return jws.serialize_compact(head, json.dumps(claims).encode(), SIGNING, algorithms=[head["alg"]])

    def subject(self, token: str) -> str:
        return subject_of(token, self.realm, AUDIENCE, self.keys)


WRONG: list[dict[str, Any]] = [
    {"iss": "https://sso.example/realms/acm"},
    {"iss": "https://sso.example/realms/acme/"},
    {"iss": None},
    {"iss": ["https://sso.example/realms/acme"]},
    {"aud": "account"},
    {"aud": [AUDIENCE.upper()]},
    {"aud": []},
    {"aud": None},
    {"exp": 1},
    {"exp": None},
    {"exp": "tomorrow"},
    {"nbf": 4_000_000_000},
    {"iat": 4_000_000_000},
    {"iat": None},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"typ": "ID"},
    {"typ": "Refresh"},
    {"typ": None},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_one_wrong_claim_under_a_good_signature_is_enough(wrong: dict[str, Any]) -> None:
    issuer = Issuer()
    assert issuer.subject(issuer.token(issuer.claims())) == "u-1"
    with pytest.raises(NotAccepted):
        issuer.subject(issuer.token(issuer.claims(**wrong)))


def test_a_good_key_signs_by_its_own_algorithm_only() -> None:
    issuer = Issuer()
    with pytest.raises(NotAccepted):
        issuer.subject(issuer.token(issuer.claims(), alg="RS384"))


def test_unknown_key_ids_ask_the_realm_at_most_once_in_a_while_and_old_keys_are_asked_for_again() -> None:
    issuer = Issuer()
    good = issuer.token(issuer.claims())
    issuer.subject(good)
    for _ in range(20):
        with pytest.raises(NotAccepted):
            issuer.subject(issuer.token(issuer.claims(), kid=secrets.token_hex(8)))
    assert issuer.asked == 1
    issuer.now += AGAIN + 1
    with pytest.raises(NotAccepted):
        issuer.subject(issuer.token(issuer.claims(), kid="k2"))
    assert issuer.asked == 2
    issuer.now += FRESH + 1
    issuer.away = True
    with pytest.raises(Unreachable):
        issuer.subject(good)
    issuer.away, issuer.now = False, issuer.now + 2
    issuer.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "k1"})
    with pytest.raises(NotAccepted):
        issuer.subject(good)
    assert issuer.asked == 3
