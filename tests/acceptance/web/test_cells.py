"""Fifty questions of who may do what, each asked twice: of the real command line, and over HTTP with a token.

The answers are written by hand in cells.csv. Where it names two people, one is for each channel.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.acting import act

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.product import Product
    from tests.acceptance.web.portal import Portal

pytestmark = pytest.mark.live

Cell = dict[str, str]
with Path(__file__).with_name("cells.csv").open(encoding="utf-8", newline="") as lines:
    CELLS: list[Cell] = list(csv.DictReader(lines))
NAMES = {"given_name": "New", "family_name": "Person"}
NAMED = ("--given-name", "New", "--family-name", "Person")
REFUSED = {3, 64}
UNSEEN = {403, 404}


def test_there_are_fifty_questions() -> None:
    assert len(CELLS) == 50
    assert sum(cell["allowed"] == "yes" for cell in CELLS) == 15


def words(cell: Cell, who: str) -> list[str]:
    """The question as a command."""
    unit, role, to = cell["unit"], cell["role"], cell["to"]
    return {
        "invite": ["invitations", "send", unit, who, "--role", role, *NAMED],
        "cancel": ["invitations", "cancel", who],
        "add": ["members", "add", unit, who, "--role", role],
        "change": ["members", "change", unit, who, to, "--from", role],
        "remove": ["members", "remove", unit, who, "--role", role],
        "link": ["links", "create", unit, "--role", role],
        "disable": ["accounts", "disable", who],
        "transfer": ["ownership", "transfer", unit, who],
        "approve": ["joins", "approve", unit, who, "--role", role],
    }[cell["act"]]


def request(cell: Cell, who: str) -> tuple[str, dict[str, Any]]:
    """The question as a request."""
    unit, role, to = cell["unit"], cell["role"], cell["to"]
    return {
        "invite": ("invitations", {"unit": unit, "people": [{"address": who, "role": role} | NAMES]}),
        "cancel": ("invitations/cancel", {"addresses": [who]}),
        "add": ("members", {"unit": unit, "people": [who], "role": role}),
        "change": ("members/change", {"unit": unit, "person": who, "to": to, "held": role}),
        "remove": ("members/remove", {"unit": unit, "people": [who], "role": role}),
        "link": ("links", {"unit": unit, "role": role}),
        "disable": ("accounts/disable", {"person": who}),
        "transfer": ("ownership/transfer", {"unit": unit, "heir": who}),
        "approve": ("joins/approve", {"unit": unit, "person": who, "role": role}),
    }[cell["act"]]


def people(cell: Cell) -> tuple[str, str]:
    """Whom the command names and whom the request: new people must not be the same twice."""
    first, _, second = cell["who"].partition(" ")
    if first.startswith("new"):
        return f"cli.{first}", f"http.{first}"
    return first, second or first


def name(cell: Cell) -> str:
    return "-".join(
        (cell["system"], cell["as"].partition("@")[0], cell["act"], cell["role"], cell["allowed"])
    )


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell["allowed"] == "no"], ids=name)
def test_what_is_refused_is_refused_by_both_and_writes_nothing(
    cell: Cell, product: Callable[[str], Product], portal: Callable[[Product], Portal]
) -> None:
    site = product(cell["system"])
    web = portal(site)
    token = web.token(cell["as"])
    before = site.snapshot()
    typed, sent = people(cell)
    assert act(site, *words(cell, typed), as_=cell["as"]).code in REFUSED
    path, body = request(cell, sent)
    reply = web.call("POST", path, body, token)
    assert reply.status in UNSEEN, reply
    assert reply.kind == "application/problem+json"
    assert site.snapshot() == before


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell["allowed"] == "yes"], ids=name)
def test_what_is_allowed_is_allowed_by_both(
    cell: Cell, product: Callable[[str], Product], portal: Callable[[Product], Portal]
) -> None:
    site = product(cell["system"])
    web = portal(site)
    typed, sent = people(cell)
    assert all(one["allowed"] for one in act(site, *words(cell, typed), as_=cell["as"]).ok().json["verdicts"])
    path, body = request(cell, sent)
    web.token(cell["as"])
    before = site.snapshot()
    assert [one["allowed"] for one in web.post(path, cell["as"], **body).ok()["verdicts"]] == [True]
    assert site.snapshot() == before  # it is on record; a run makes it true


def test_a_unit_of_others_answers_like_one_that_is_not_there(
    product: Callable[[str], Product], portal: Callable[[Product], Portal]
) -> None:
    web = portal(product("todoist"))
    stranger = "perle.amsalem@lecteurs.example"
    pairs = [
        ("invitations", lambda unit, _: {"unit": unit, "people": [{"address": "x@fanal.example"}]}),
        ("members/remove", lambda unit, who: {"unit": unit, "people": [who]}),
        ("links", lambda unit, _: {"unit": unit, "role": "member"}),
        ("accounts/disable", lambda _, who: {"person": who}),
        ("joins", lambda unit, _: {"unit": unit}),
    ]
    for path, body in pairs:
        there = web.post(path, stranger, **body("/fanal", "greta.hollmann@fanal.example"))
        missing = web.post(path, stranger, **body("/no-such", "no-such@fanal.example"))
        assert (there.status, there.text) == (404, missing.text), path
    seen = {row["unit"] for row in web.get("members", stranger).ok()}
    assert seen == {"/reading-club"}
    assert web.get("members?unit=/fanal", stranger).text == web.get("members?unit=/none", stranger).text
    mine = {row["who"] for row in web.get("members", "anselme.kouassi@imprimerie-delsol.example").ok()}
    assert mine == {"anselme.kouassi@imprimerie-delsol.example"}
