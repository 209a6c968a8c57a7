"""Whatever is sent to the API, it answers as its own OpenAPI document says: tried by schemathesis.

The site is a real office over a real store, with accounts in memory; requests go through the application
itself, on behalf of somebody who may do most things.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode, openapi

from syncd.store import open_store
from syncd.web.api import make
from syncd.web.desk import Caller, Desk
from syncd.web.problems import not_logged_in
from tests.unit.membership.bureau import BO, Bureau

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastapi import FastAPI

    from syncd.membership import Office
    from syncd.membership_words import Verdict

TOKEN = "token-of-bo"
EXAMPLES = 8
PATIENCE = 600  # seconds for one answer; schemathesis waits no longer than 10 unless it is told to


class BureauDesk(Desk):
    """A desk over a bureau: one token is good, and acts are done at once."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau

    def caller(self, mapping: str, token: str) -> Caller:
        if (mapping, token) != ("acme", TOKEN):
            raise not_logged_in()
        return Caller(mapping, f"id-{BO}")

    @contextmanager
    def office(self, caller: Caller) -> Iterator[Office]:
        yield self.bureau.office(BO)

    def record(self, caller: Caller, do: Callable[[Office], Sequence[Verdict]]) -> Sequence[Verdict]:
        return do(self.bureau.office(BO))

    def folder(self, mapping: str) -> str:
        return "nowhere/"

    def link(self, token: str) -> str:
        return f"https://join.example/join/{token}"


def made() -> FastAPI:
    folder = Path(tempfile.mkdtemp())
    store = open_store(f"sqlite:///{folder}/syncd.db", b"k" * 32)
    store.upgrade()
    bureau = Bureau(store)
    for number in range(3):
        bureau.hire(f"s{number}@acme.example")
    return make(BureauDesk(bureau))


API = made()
schema = openapi.from_asgi("/openapi.json", API)


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_one_that_the_document_promises(case: schemathesis.Case) -> None:
    spoiled = {
        place.value for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE
    }
    if "body" not in spoiled and isinstance(case.body, dict) and "unit" in case.body:
        case.body = {**case.body, "unit": "/acme"}
    if "path" not in spoiled:
        case.path_parameters = {**case.path_parameters, "mapping": "acme"}
    headers = {} if "header" in spoiled else {"Authorization": f"Bearer {TOKEN}"}
    case.call_and_validate(headers=headers, timeout=PATIENCE)
