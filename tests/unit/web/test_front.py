"""In front of the office the API answers as it does inside, and what is certainly wrong stays outside."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from syncd.errand import UNTAKEN, Errand, Reply, Unanswered
from syncd.errors import StoreError
from syncd.store import open_store
from syncd.web import api, front, inside
from syncd.web.problems import LOOK
from tests.unit.membership.bureau import Bureau
from tests.unit.web.test_openapi import TOKEN, BureauDesk

if TYPE_CHECKING:
    from fastapi import FastAPI


class Office:
    """An office in this process, and every errand that came to it."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.seen: list[Errand] = []
        self.open = True

    def send(self, errand: Errand) -> Reply:
        if not self.open:
            raise Unanswered(UNTAKEN)
        self.seen.append(Errand.unpacked(errand.packed()))
        return inside.answer(self.app, self.seen[-1])


def bureau_desk() -> BureauDesk:
    store = open_store(f"sqlite:///{tempfile.mkdtemp()}/syncd.db", b"k" * 32)
    store.upgrade()
    bureau = Bureau(store)
    for number in range(3):
        bureau.hire(f"s{number}@acme.example")
    return BureauDesk(bureau)


DESK = bureau_desk()
INSIDE = api.make(DESK)
OFFICE = Office(INSIDE)
FRONT = front.make(DESK, OFFICE.send)


def call(app: FastAPI, method: str, path: str, body: bytes = b"", token: str = TOKEN) -> Reply:
    query = path.partition("?")[2]
    headers = [("content-type", "application/json"), ("x-of-no-use", "1")]
    headers += [("authorization", f"Bearer {token}")] if token else []
    return inside.answer(app, Errand(method, path.partition("?")[0], query, tuple(headers), body))


GONE_INSIDE: dict[str, tuple[Any, ...]] = {
    "a list": ("GET", "/api/v1/acme/members"),
    "a list with a question": ("GET", "/api/v1/acme/members?unit=%2Facme"),
    "a file": ("GET", "/api/v1/acme/members/export?unit=/acme"),
    "a name with its escapes": ("GET", "/api/v1/acme/accounts/s0%40acme.example"),
    "somebody unseen": ("GET", "/api/v1/acme/accounts/no%20body"),
    "a refusal": ("POST", "/api/v1/acme/members", b'{"unit": "/acme", "people": ["x@y.zz"], "role": "z"}'),
    "a body that lacks something": ("POST", "/api/v1/acme/members", b'{"unit": "/acme"}'),
    "a question that is none": ("GET", "/api/v1/acme/members/export"),
}  # fmt: skip
STAYS_OUTSIDE: dict[str, tuple[Any, ...]] = {
    "no token": ("GET", "/api/v1/acme/members", b"", ""),
    "a wrong token": ("GET", "/api/v1/acme/members", b"", "other"),
    "another mapping": ("GET", "/api/v1/other/members"),
    "no mapping's name": ("GET", "/api/v1/A%20B/members"),
    "no path": ("GET", "/api/v1/acme/nothing"),
    "no method": ("DELETE", "/api/v1/acme/members"),
    "no JSON": ("POST", "/api/v1/acme/members", b"{"),
    "too long": ("POST", "/api/v1/acme/members", b" " * (1 << 20) + b"{}"),
    "whether it lives": ("GET", "/healthz"),
}


@pytest.mark.parametrize("asked", GONE_INSIDE.values(), ids=GONE_INSIDE)
def test_what_the_office_answers_comes_back_to_the_byte(asked: tuple[Any, ...]) -> None:
    OFFICE.seen.clear()
    assert call(FRONT, *asked) == call(INSIDE, *asked)
    assert len(OFFICE.seen) == 1
    assert "x-of-no-use" not in dict(OFFICE.seen[0].headers)


@pytest.mark.parametrize("asked", STAYS_OUTSIDE.values(), ids=STAYS_OUTSIDE)
def test_what_is_certainly_wrong_is_answered_alike_and_never_handed_over(asked: tuple[Any, ...]) -> None:
    OFFICE.seen.clear()
    assert call(FRONT, *asked) == call(INSIDE, *asked)
    assert OFFICE.seen == []


def test_where_nobody_answers_the_caller_learns_what_was_done() -> None:
    office = Office(INSIDE)
    office.open = False
    reply = call(front.make(DESK, office.send), "GET", "/api/v1/acme/members")
    assert reply.status == 503
    assert dict(reply.headers) | {"retry-after": "2", "content-type": "application/problem+json"} == dict(
        reply.headers
    )
    assert UNTAKEN.encode() in reply.body


@pytest.mark.parametrize(("method", "more"), [("GET", ""), ("POST", f"; {LOOK}")])
def test_where_the_store_goes_away_in_an_act_the_caller_learns_that_it_may_be_done(method, more) -> None:
    class Away(BureauDesk):
        def office(self, _caller: Any) -> Any:
            raise StoreError("the store went away")

        def record(self, _caller: Any, _do: Any) -> Any:
            raise StoreError("the store went away")

    body = b'{"unit": "/acme", "people": ["s1@acme.example"]}'
    reply = call(
        api.make(Away(DESK.bureau)),
        method,
        "/api/v1/acme/members/remove" if method == "POST" else "/api/v1/acme/members",
        body,
    )
    assert (reply.status, json.loads(reply.body)["detail"]) == (
        503,
        f"syncd's own store cannot be used now{more}",
    )


def test_an_application_at_fault_gives_its_own_page_and_one_that_says_nothing_its_fault() -> None:
    class Broken(BureauDesk):
        def office(self, _caller: Any) -> Any:
            raise RuntimeError("a fault of ours")

    assert call(api.make(Broken(DESK.bureau)), "GET", "/api/v1/acme/members").status == 500

    async def mute(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("mute")

    with pytest.raises(RuntimeError, match="mute"):
        inside.answer(mute, Errand("GET", "/", "", (), b""))


@pytest.mark.parametrize("packed", [None, {}, {"method": "GET"}, [], {"headers": [1]}, "x"], ids=str)
def test_what_is_no_errand_is_not_taken_for_one(packed: Any) -> None:
    with pytest.raises(ValueError, match="it is no request"):
        Errand.unpacked(packed)
