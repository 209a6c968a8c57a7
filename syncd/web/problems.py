"""Every refusal of the API as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Route

from syncd.errors import Busy, MappingInvalid, Refused, Stale, SyncdError, TargetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be read",
    401: "Not logged in",
    403: "Refused",
    404: "Not found",
    405: "No such method here",
    409: "Changed by somebody else meanwhile",
    413: "The body is too long",
    422: "The request is not valid",
    500: "syncd is at fault",
    503: "Not now",
}
AGAIN = {"Retry-After": "2"}
LOOK = "what was asked may have been done, so look before you ask again"
UNSEEN = "there is nothing by this name, or you may not see it"

log = structlog.get_logger("syncd.web")


class Fault(BaseModel):
    """One thing wrong with the request: where (RFC 6901, or the parameter) and what."""

    where: str
    detail: str


class Told(BaseModel):
    """What became of an act for one person; `rule` is file:line:column of what decided it."""

    who: str
    allowed: bool
    detail: str
    rule: str = ""


class ProblemBody(BaseModel):
    """A problem as RFC 9457 has it; `verdicts` are those of an act that was refused."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] = Field(default_factory=list)
    verdicts: list[Told] = Field(default_factory=list)


class Problem(Exception):
    """An answer other than the one asked for."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] = (),
        verdicts: Sequence[Told] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        title = TITLES.get(status, "Not done")
        self.body = ProblemBody(
            title=title, status=status, detail=detail, errors=list(errors), verdicts=list(verdicts)
        )


def unseen() -> Problem:
    """The answer for what does not exist and for what is not this caller's to see: one and the same."""
    return Problem(404, UNSEEN)


def not_logged_in() -> Problem:
    """The answer to every token that is not accepted, whatever is wrong with it (RFC 6750, section 3)."""
    return Problem(401, "an access token of the realm is needed", headers={"WWW-Authenticate": "Bearer"})


def install(api: FastAPI) -> None:
    """Let every error leave as a problem."""
    for kind, handler in (
        (Problem, _problem),
        (SyncdError, _ours),
        (RequestValidationError, _invalid),
        (HTTPException, _http),
        (Exception, _fault),
    ):
        api.add_exception_handler(kind, handler)


def _answer(problem: Problem) -> JSONResponse:
    body = problem.body.model_dump(exclude_defaults=True) | {"type": problem.body.type}
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def _problem(_request: Request, error: Any) -> JSONResponse:
    return _answer(error)


def _ours(request: Request, error: Any) -> JSONResponse:
    """Names of servers and files are for the log; whoever calls learns what to do."""
    match error:
        case UsageError():
            return _answer(unseen())
        case Refused():
            return _answer(Problem(403, error.message))
        case Stale():
            return _answer(Problem(409, "look at it again, and decide on what it is now"))
        case Busy():
            return _answer(Problem(503, "a run is under way, try again", headers=AGAIN))
        case TargetError():
            detail = "Keycloak or the directory cannot be read now"
        case MappingInvalid():
            detail = "the files of the mapping cannot be used; its operator knows why"
        case _:
            detail = "syncd's own store cannot be used now"
            if request.method == "POST":  # it may have gone away in the middle
                detail += f"; {LOOK}"
    log.error("not now", method=request.method, problem=error.in_one_line)
    return _answer(Problem(503, detail, headers=AGAIN))


def _invalid(_request: Request, error: Any) -> JSONResponse:
    faults = [
        Fault(where="/".join(map(str, one["loc"])), detail=str(one["msg"]).partition("\n")[0])
        for one in error.errors()
    ]
    return _answer(Problem(422, "see `errors`", errors=faults))


def _http(request: Request, error: Any) -> JSONResponse:
    match error.status_code:
        case 404:
            return _answer(unseen())
        case 405:
            return _answer(Problem(405, "see Allow", headers={"Allow": _methods(request)}))
        case status:
            return _answer(Problem(status, str(error.detail), headers=error.headers))


def _methods(request: Request) -> str:
    """Everything that can be done at a path (RFC 9110, section 15.5.6): each act is a route of its own."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))


def _fault(request: Request, error: Any) -> JSONResponse:
    log.error("fault", method=request.method, exc_info=error)
    return _answer(Problem(500, "the log of syncd says more"))
