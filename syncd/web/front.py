"""The API where it is only a front desk: the same application, whose office is in another process.

What is certainly wrong is answered here, by the same code: paths, methods, sizes, JSON that is none, tokens
that are not accepted. Everything else goes to a worker as it came, which verifies the token for itself.
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from starlette.concurrency import run_in_threadpool

from syncd.errand import Errand, Reply, Send, Unanswered
from syncd.web import api
from syncd.web.bodies import MappingName
from syncd.web.desk import Desk
from syncd.web.problems import AGAIN, Problem

MATTER = ("authorization", "content-type", "accept", "accept-language")


class Answered(Exception):
    """Ends a request with what came back."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def make(desk: Desk, send: Send) -> FastAPI:
    """The application in front of `send`; of the desk only the files and the keys of realms are used."""
    app = api.make(desk)

    async def hand_over(
        request: Request,
        mapping: MappingName,
        found: Annotated[HTTPAuthorizationCredentials | None, Depends(api.bearer)],
    ) -> None:
        await run_in_threadpool(api.caller_of, mapping, desk, found)
        errand = await _errand(request)
        try:
            reply = await run_in_threadpool(send, errand)
        except Unanswered as error:
            raise Problem(503, str(error), headers=AGAIN) from error
        raise Answered(reply)

    app.dependency_overrides[api.caller_of] = hand_over
    app.add_exception_handler(Answered, _unchanged)
    return app


async def _errand(request: Request) -> Errand:
    """The request as it came; what follows GET means nothing and is not read."""
    return Errand(
        request.method,
        request.scope["raw_path"].decode("latin-1"),
        request.scope["query_string"].decode("latin-1"),
        tuple((name, value) for name, value in request.headers.items() if name in MATTER),
        await request.body() if request.method == "POST" else b"",
    )


def _unchanged(_request: Request, answered: Any) -> Response:
    reply: Reply = answered.reply
    response = Response(reply.body, reply.status)
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers
    ]
    return response
