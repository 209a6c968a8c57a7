"""The JSON API: one path for each act and list, under the mapping whose realm the caller logged in to."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from syncd.app import people_lists
from syncd.web import acts, bodies, view
from syncd.web.bodies import MappingName
from syncd.web.desk import Caller, Desk
from syncd.web.problems import MEDIA_TYPE, Problem, ProblemBody, Told, install, not_logged_in
from syncd.web.sizes import Bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.app.people_lists import Line
    from syncd.membership import Office
    from syncd.membership_words import Verdict

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemBody, "content": {MEDIA_TYPE: {}}, "description": text}
    for status, text in {
        400: "The body is no JSON",
        401: "No access token of the realm for this audience",
        403: "Refused; `verdicts` and `detail` name the rule",
        404: "Not there, or not to be seen by the caller",
        409: "Changed by somebody else meanwhile",
        413: "The body is longer than a mebibyte",
        422: "Not valid; `errors` say where",
        503: "A run is under way, or a server cannot be reached; try again",
    }.items()
}
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

bearer = HTTPBearer(auto_error=False, description="An access token of the mapping's realm")
routes = APIRouter(prefix="/api/v1/{mapping}", responses=PROBLEMS)


def make(desk: Desk) -> FastAPI:
    """The application over a desk."""
    api = FastAPI(
        title="syncd",
        version=version("syncd"),
        description="Who belongs where: lists, and acts as the mapping allows them to the caller.",
        docs_url=None,
        redoc_url=None,
    )
    api.state.desk = desk
    api.include_router(routes)
    api.add_api_route("/healthz", _alive, include_in_schema=False)
    install(api)
    api.add_middleware(Bounded)

    @api.middleware("http")
    async def headers(request: Request, go_on: Any) -> Response:
        answer: Response = await go_on(request)
        answer.headers.update(HEADERS)
        return answer

    return api


def _alive() -> dict[str, str]:
    return {"status": "ok"}


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def caller_of(
    mapping: MappingName,
    desk: Annotated[Desk, Depends(_desk)],
    found: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """Whoever calls; every route but `/healthz` begins with it. Raises the answer 401, and `Unreachable`."""
    if found is None:
        raise not_logged_in()
    return desk.caller(mapping, found.credentials)


DeskOf = Annotated[Desk, Depends(_desk)]
CallerOf = Annotated[Caller, Depends(caller_of)]


def _told(desk: Desk, caller: Caller, verdicts: "Sequence[Verdict]") -> list[Told]:
    """Rules are named by file and line below the mapping's folder; where that lies is nobody's business."""
    folder = desk.folder(caller.mapping)
    return [
        Told(
            who=one.who,
            allowed=one.allowed,
            detail=one.detail.replace(folder, ""),
            rule=str(one.place or "").removeprefix(folder),
        )
        for one in verdicts
    ]


def _done(desk: Desk, caller: Caller, do: "Callable[[Office], Sequence[Verdict]]") -> "Sequence[Verdict]":
    """Have it done; where all of it is refused, that is the answer."""
    verdicts = desk.record(caller, do)
    if not any(one.allowed for one in verdicts):
        told = _told(desk, caller, verdicts)
        raise Problem(403, told[0].detail, verdicts=told)
    return verdicts


def _outcome(desk: Desk, caller: Caller, do: "Callable[[Office], Sequence[Verdict]]") -> bodies.Outcome:
    return bodies.Outcome(verdicts=_told(desk, caller, _done(desk, caller, do)))


# --- lists --------------------------------------------------------------------------------------------


@routes.get("/members", tags=["members"])
def members(
    desk: DeskOf, caller: CallerOf, unit: Annotated[bodies.OneLine | None, Query()] = None
) -> list[bodies.MemberRow]:
    """Members of the units that the caller administers, and the caller's own memberships."""
    with desk.office(caller) as office:
        within = view.unit(office, unit) if unit is not None else ()
        own = office.actor.person
        rows = people_lists.member_lines(office, within)
        return [
            bodies.MemberRow(
                unit="/" + "/".join(one.unit),
                role=one.role,
                who=one.who,
                full_name=one.full_name,
                email=one.email,
                state=one.state,
                entry_date=one.entry_date,
                source=one.source,
            )
            for one in rows
            if view.administers(office, one.unit) or (own and one.member_id == own)
        ]


@routes.get(
    "/members/export",
    tags=["members"],
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
)
def export(desk: DeskOf, caller: CallerOf, unit: Annotated[bodies.OneLine, Query()]) -> Response:
    """The members of one unit as CSV, in the columns that the model names."""
    with desk.office(caller) as office:
        found = view.unit(office, unit)
        if not view.administers(office, found):
            raise Problem(403, "only who administers the unit exports its members")
        text = people_lists.members_csv(office, found)
    return Response(text, media_type="text/csv; charset=utf-8")


@routes.get("/accounts/{person}", tags=["accounts"])
def account(desk: DeskOf, caller: CallerOf, person: bodies.OneLine) -> bodies.AccountBody:
    """One account; the caller's own, or one with a membership in a unit that the caller administers."""
    with desk.office(caller) as office:
        found = view.person(office, person)
        own = found == office.actor.person
        shown = [one for one in office.world.of(found) if own or view.administers(office, one.unit)]
        if not own and not shown:
            raise Problem(403, "only who administers a unit of the person sees the account")
        seen = people_lists.account_view(office, person)
        return bodies.AccountBody(
            person=seen.person,
            who=seen.who,
            state=seen.state,
            authority=seen.authority,
            holds=[
                bodies.HeldRow(
                    unit="/" + "/".join(one.unit),
                    role=one.role,
                    place=str(one.place or "").removeprefix(desk.folder(caller.mapping)),
                )
                for one in shown
            ],
        )


def _rows(office: "Office", lines: "Sequence[Line]") -> list[bodies.RecordRow]:
    """The records of units that the caller administers."""
    return [
        bodies.RecordRow(
            id=one.id,
            who=one.who,
            unit="/" + "/".join(office.path_of(one.unit)),
            role=one.role,
            state=one.state,
            begun=one.begun,
            expires=one.expires,
            by=one.by,
            note=one.note,
        )
        for one in lines
        if view.listed(office, one.unit)
    ]


@routes.get("/invitations", tags=["invitations"])
def invitations(desk: DeskOf, caller: CallerOf, *, everything: bool = False) -> list[bodies.RecordRow]:
    """Invitations that are not over (or all) into units that the caller administers."""
    with desk.office(caller) as office:
        return _rows(office, people_lists.invitation_lines(office, everything=everything))


@routes.get("/joins", tags=["joins"])
def joins(desk: DeskOf, caller: CallerOf) -> list[bodies.RecordRow]:
    """Who asks to join units that the caller administers."""
    with desk.office(caller) as office:
        return _rows(office, people_lists.join_lines(office))


@routes.get("/links", tags=["links"])
def links(desk: DeskOf, caller: CallerOf) -> list[bodies.RecordRow]:
    """Links into units that the caller administers; none shows its token."""
    with desk.office(caller) as office:
        return _rows(office, people_lists.link_lines(office))


# --- acts ---------------------------------------------------------------------------------------------


@routes.post("/members", tags=["members"])
def add(desk: DeskOf, caller: CallerOf, body: bodies.Addition) -> bodies.Outcome:
    """Give a role to people who have an account."""
    return _outcome(desk, caller, lambda office: acts.add(office, body))


@routes.post("/members/change", tags=["members"])
def change(desk: DeskOf, caller: CallerOf, body: bodies.RoleChange) -> bodies.Outcome:
    """Give somebody another role in place of the one held."""
    return _outcome(desk, caller, lambda office: acts.change(office, body))


@routes.post("/members/remove", tags=["members"])
def remove(desk: DeskOf, caller: CallerOf, body: bodies.Removal) -> bodies.Outcome:
    """Take a role away, in a unit and below it; the account stays."""
    return _outcome(desk, caller, lambda office: acts.remove(office, body))


@routes.post("/accounts/disable", tags=["accounts"])
def disable(desk: DeskOf, caller: CallerOf, body: bodies.Reasoned) -> bodies.Outcome:
    """End login and sessions now; memberships stay."""
    return _outcome(desk, caller, lambda office: acts.disable(office, body))


@routes.post("/accounts/enable", tags=["accounts"])
def enable(desk: DeskOf, caller: CallerOf, body: bodies.AccountOnly) -> bodies.Outcome:
    """Let somebody in again, with exactly what they had."""
    return _outcome(desk, caller, lambda office: acts.enable(office, body))


@routes.post("/accounts/edit", tags=["accounts"])
def edit(desk: DeskOf, caller: CallerOf, body: bodies.Profile) -> bodies.Outcome:
    """Write names, language and attributes of an account that syncd made."""
    return _outcome(desk, caller, lambda office: acts.edit(office, body))


@routes.post("/accounts/delete", tags=["accounts"])
def delete(desk: DeskOf, caller: CallerOf, body: bodies.Deletion) -> bodies.Outcome:
    """Delete an account, where the model allows it."""
    return _outcome(desk, caller, lambda office: acts.delete(office, body))


@routes.post("/ownership/transfer", tags=["ownership"])
def transfer(desk: DeskOf, caller: CallerOf, body: bodies.Handover) -> bodies.Outcome:
    """Hand the role with one holder over to an heir."""
    return _outcome(desk, caller, lambda office: acts.transfer(office, body))


@routes.post("/ownership/confirm", tags=["ownership"])
def confirm(desk: DeskOf, caller: CallerOf, body: bodies.Code) -> bodies.Outcome:
    """Do what was asked for, with the code of the mail."""
    return _outcome(desk, caller, lambda office: acts.confirm(office, body))


@routes.post("/invitations", tags=["invitations"])
def invite(desk: DeskOf, caller: CallerOf, body: bodies.Sending) -> bodies.Outcome:
    """Invite people into a unit, each with one mail, which the next run sends."""
    return _outcome(desk, caller, lambda office: acts.invite(office, body))


@routes.post("/invitations/resend", tags=["invitations"])
def resend(desk: DeskOf, caller: CallerOf, body: bodies.Invitations) -> bodies.Outcome:
    """Send invitations again, each with a new link and a new time."""
    return _outcome(desk, caller, lambda office: acts.resend(office, body))


@routes.post("/invitations/cancel", tags=["invitations"])
def cancel(desk: DeskOf, caller: CallerOf, body: bodies.Invitations) -> bodies.Outcome:
    """End invitations; their links are dead after the next run."""
    return _outcome(desk, caller, lambda office: acts.cancel(office, body))


@routes.post("/invitations/decline", tags=["invitations"])
def decline(desk: DeskOf, caller: CallerOf, body: bodies.Invitations) -> bodies.Outcome:
    """Say no to one's own invitations; nothing is given then, and nobody is mailed again."""
    return _outcome(desk, caller, lambda office: acts.decline(office, body))


@routes.post("/joins", tags=["joins"])
def ask_to_join(desk: DeskOf, caller: CallerOf, body: bodies.Wish) -> bodies.Outcome:
    """Ask to join a unit, for the account that is logged in; its approvers are mailed."""
    return _outcome(desk, caller, lambda office: acts.ask_to_join(office, body, caller.account))


@routes.post("/joins/approve", tags=["joins"])
def approve(desk: DeskOf, caller: CallerOf, body: bodies.Answer) -> bodies.Outcome:
    """Let somebody in who asked to join, or who redeemed a link that asks for approval."""
    return _outcome(desk, caller, lambda office: acts.approve(office, body))


@routes.post("/joins/refuse", tags=["joins"])
def refuse(desk: DeskOf, caller: CallerOf, body: bodies.Answer) -> bodies.Outcome:
    """Do not let somebody in who asked to join."""
    return _outcome(desk, caller, lambda office: acts.refuse(office, body))


@routes.post("/links", tags=["links"])
def create_link(desk: DeskOf, caller: CallerOf, body: bodies.LinkWish) -> bodies.LinkMade:
    """Make a link to a role in a unit; it is shown once."""
    verdicts = _done(desk, caller, lambda office: acts.create_link(office, body))
    token = verdicts[0].secret
    return bodies.LinkMade(verdicts=_told(desk, caller, verdicts), token=token, url=desk.link(token))


@routes.post("/links/revoke", tags=["links"])
def revoke_link(desk: DeskOf, caller: CallerOf, body: bodies.LinkId) -> bodies.Outcome:
    """Switch a link off."""
    return _outcome(desk, caller, lambda office: acts.revoke_link(office, body))
