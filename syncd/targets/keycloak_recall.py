"""Which answers of the last run still hold: admin events since then, and everything that speaks against them.

Two requests tell that nothing changed: the realm, which shows that it is the same one and keeps events, and
the events since the newest one known. That one has to be among them: where it is not, the record was
cleared or has expired, and everything is read. Events are asked for again as far back as a transaction of
Keycloak lasts, because one becomes visible only when its transaction ends; those known already are told by
their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from syncd.errors import PermissionMissing
from syncd.model import Key, Kind
from syncd.targets.keycloak_answers import (
    CHILDREN,
    COMPOSITES,
    DIRECTORIES,
    MEMBERS,
    ORG_MEMBERS,
    ORGANIZATIONS,
    ROLES,
    TOPS,
    WHO,
    Answers,
    whole,
)
from syncd.targets.keycloak_connection import PAGE, claims_of
from syncd.targets.keycloak_events import Doubts, Event, doubts_of
from syncd.targets.keycloak_federation import FEDERATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.model import Change, Path
    from syncd.targets.keycloak_connection import KeycloakConnection
    from syncd.targets.recall import Copy, Keeper

FORMAT = 1
OVERLAP = 360_000  # ms: Keycloak's longest transaction, 300 s, and a minute for clocks of several nodes
SETTLED = 1_000  # ms: an event this young is looked at again, for a node that has yet to hear of it
MOST = 10_000  # events from which on reading everything is the cheaper way
JOINED = 1_000  # groups of one account in one answer
BATCH = 100  # accounts in one question
PROBES = 20  # of our own writes, looked for among the next events

log = structlog.get_logger("syncd.keycloak")


@dataclass(frozen=True, slots=True)
class _Server:
    """The realm as it is now: what must be as it was, and its clock in milliseconds, no later than now."""

    place: list[str]
    keeps_events: bool
    clock: int


class KeycloakRecall:
    """The memory of one target over one connection, for one run."""

    def __init__(self, connection: KeycloakConnection, target: str, keeper: Keeper) -> None:
        self._connection = connection
        self._target = target
        self._keeper = keeper
        self._mark: dict[str, Any] = {}
        self._answers: Answers | None = None
        self._looked_at: set[tuple[str, str]] = set()  # (account, group), read in this run

    def answers(self) -> Answers:
        """What still holds of the last run, nothing where all is to be read; within a run it is the same."""
        if self._answers is None:
            try:
                self._answers = self._begin()
            except PermissionMissing as missing:  # without view-events there is no asking for changes
                log.info("read in full", target=self._target, reason=missing.message)
                self._mark, self._answers = {}, Answers()
        return self._answers

    def start_over(self) -> Answers:
        """Nothing: what was remembered led a read astray."""
        log.info("read in full", target=self._target, reason="what was remembered did not fit together")
        self._answers = self._anew(self._server())
        return self._answers

    def keep(self, answers: Answers) -> None:
        """Remember what a read used, for the next run; a realm with a user federation is not remembered.

        Its accounts change by themselves, which events do not show.
        """
        if not self._mark or answers.peek(DIRECTORIES):
            return
        answers.of(DIRECTORIES, list)
        self._keeper.save(self._mark, answers.kept() if answers.differ else None)

    def doubt(self, changes: Iterable[Change], natives: Mapping[Key, str]) -> bool:
        """Let go of what only memory says of these, or look at it; whether anything is open or different."""
        answers = self._answers
        if answers is None:
            return False
        before = answers.edits
        edges = Doubts()
        for change in changes:
            group = natives.get(Key(Kind.GROUP, change.key.place), "")
            user = natives.get(Key(Kind.PERSON, (), change.key.item), "".join(change.key.item[:1]))
            if change.key.kind is not Kind.MEMBER or not group:
                stale = set(_questions(change, natives, answers)) - answers.fresh
                answers.forget(*stale)
            elif MEMBERS + group not in answers.fresh and (user, group) not in self._looked_at:
                edges.edges.setdefault(group, set()).add(user)
                edges.left.add((user, group))
        self._refresh_edges(answers, edges)
        return answers.edits > before

    def wrote(self, memberships: Sequence[tuple[str, str]]) -> None:
        """Note some memberships that were written: events that do not show them show nothing."""
        if self._mark and memberships:
            probes = [list(pair) for pair in memberships[:PROBES]]
            self._mark = {**self._mark, "wrote": probes}
            self._keeper.save(self._mark, None)

    # --- at the beginning of a run

    def _begin(self) -> Answers:
        server = self._server()
        copy = self._keeper.load()
        reason = self._why_not(copy, server)
        if copy is None or reason:
            return self._because(reason, server)
        mark, known = copy
        events = self._events(dateFrom=_since(mark))
        doubts = doubts_of(_unseen(events, mark))
        reason = _broken(events, mark) or doubts.everything
        if reason:
            return self._because(reason, server)
        answers = Answers(known)
        reason = self._refresh(answers, doubts, mark)
        if reason:
            return self._because(reason, server)
        self._mark = {**mark, "wrote": [], **_watermark(events, mark["anchor"], server)}
        return answers

    def _server(self) -> _Server:
        claims = claims_of(self._connection.login())
        realm = self._connection.get()
        server, client = self._connection.url, self._connection.client_id
        place = [server, realm["realm"], realm.get("id", ""), client]
        return _Server(place, realm.get("adminEventsEnabled") is True, int(claims["iat"]) * 1000)

    def _why_not(self, copy: Copy | None, server: _Server) -> str:
        if copy is None:
            return "nothing is remembered"
        mark = copy[0]
        if mark.get("format") != FORMAT or mark["place"] != server.place:
            return "what is remembered is of another realm, account or version"
        if self._keeper.is_due(datetime.fromisoformat(mark["whole_at"])):
            return "it is time (full_read)"
        if not server.keeps_events:
            return "the realm keeps no admin events; `syncd bootstrap` turns them on"
        if server.clock < mark["checked"]:
            return "the server's clock went back"
        return "" if mark["anchor"] else "there was no event to go on from"

    def _because(self, reason: str, server: _Server) -> Answers:
        log.info("read in full", target=self._target, reason=reason)
        return self._anew(server)

    def _anew(self, server: _Server) -> Answers:
        """No answers, and a new watermark, which is taken before anything is read."""
        events = self._events(dateFrom=server.clock - OVERLAP)
        if not events:
            # The last one, and all of its millisecond, or the next run would take them for new.
            for last in self._connection.get("admin-events", first=0, max=1):
                events = self._events(dateFrom=Event.of(last).time)
        anchor = _anchor(max(events, key=lambda event: event.time)) if events else None
        self._mark = {
            "format": FORMAT,
            "place": server.place,
            "whole_at": self._keeper.now().isoformat(),
            "wrote": [],
            "count": None,
            **_watermark(events, anchor, server),
        }
        answers = Answers()
        found = self._connection.get("components", type=FEDERATION)
        answers.put(DIRECTORIES, [one["id"] for one in found])
        return answers

    def _events(self, **query: Any) -> list[Event]:
        found = self._connection.get("admin-events", first=0, max=MOST, **query)
        return [Event.of(one) for one in found]

    # --- what changed

    def _refresh(self, answers: Answers, doubts: Doubts, mark: dict[str, Any]) -> str:
        """Forget or renew what events speak of; why all must be read, if so."""
        answers.doubt_groups(doubts)
        reason = self._refresh_people(answers, doubts)
        self._refresh_edges(answers, doubts)
        if answers.nobody():
            count = self._connection.get("users", "count")
            if count != mark["count"] or doubts.users:
                answers.forget(*answers.nobody())
            mark["count"] = count
        return reason

    def _refresh_people(self, answers: Answers, doubts: Doubts) -> str:
        asked = (doubts.users & answers.mentioned()) | doubts.made
        batches = [sorted(asked)[start : start + BATCH] for start in range(0, len(asked), BATCH)]
        found = {
            user["id"]: whole(user)
            for users in self._connection.all_of(self._by_id, batches)
            for user in users
        }
        if not asked - found.keys() <= doubts.gone:
            return "an account that changed is not shown"
        answers.renew(asked, found)
        made = sorted(doubts.made & found.keys())
        for user, groups in zip(made, self._connection.all_of(self._groups_of, made), strict=True):
            if len(groups) >= JOINED:
                return "a new account is in too many groups to list"
            for group in groups:
                answers.join(group, found[user])
        return ""

    def _refresh_edges(self, answers: Answers, doubts: Doubts) -> None:
        """A small list of members is read again; of a long one, those who came or went are looked at."""
        for group, users in doubts.edges.items():
            members = answers.peek(MEMBERS + group)
            if members is None:
                continue
            if len(members) // PAGE < len(users):
                answers.forget(MEMBERS + group)
                continue
            people = sorted(users)
            self._looked_at |= {(user, group) for user in people}
            groups = self._connection.all_of(self._groups_of, people)
            accounts = {user["id"]: whole(user) for user in self._by_id(people)}
            for user, joined in zip(people, groups, strict=True):
                if group in joined and user in accounts:
                    answers.join(group, accounts[user])
                elif len(joined) < JOINED and ((user, group) in doubts.left or user in doubts.gone):
                    answers.leave(group, user)
                else:
                    answers.forget(MEMBERS + group)

    def _by_id(self, natives: list[str]) -> list[dict[str, Any]]:
        query = {"search": f"id:{' '.join(natives)}", "briefRepresentation": "false", "max": -1}
        return list(self._connection.get("users", **query))

    def _groups_of(self, user: str) -> list[str]:
        """The groups that an account is in directly; one that is gone is in none."""
        found = self._connection.find(
            "users", user, "groups", briefRepresentation="true", first=0, max=JOINED
        )
        return [group["id"] for group in found or ()]


def _anchor(event: Event) -> dict[str, Any]:
    return {"id": event.id, "time": event.time}


def _since(mark: Mapping[str, Any]) -> int:
    """From when on events are asked for: the newest one known, and as far back as one may still turn up."""
    return int(min(mark["anchor"]["time"], mark["checked"] - OVERLAP))


def _unseen(events: Iterable[Event], mark: Mapping[str, Any]) -> list[Event]:
    seen = set(mark["seen"])
    return [event for event in events if event.id not in seen]


def _broken(events: Sequence[Event], mark: Mapping[str, Any]) -> str:
    """Why these events do not tell all that happened, if they do not."""
    if len(events) >= MOST:
        return f"there are {MOST} events or more"
    if all(event.id != mark["anchor"]["id"] for event in events):
        return "the record of admin events was cleared or has expired"
    shown = {event.path for event in events}
    if any(("users", user, "groups", group) not in shown for user, group in mark["wrote"]):
        return "admin events do not show what syncd itself wrote"
    return ""


def _watermark(events: Sequence[Event], anchor: Any, server: _Server) -> dict[str, Any]:
    """What the next run goes on from: the newest settled event, and the ids of those it will meet again."""
    settled = [event for event in events if event.time <= server.clock - SETTLED]
    newest = max(settled, key=lambda event: event.time, default=None)
    if newest is not None and (anchor is None or newest.time >= anchor["time"]):
        anchor = _anchor(newest)
    mark = {"anchor": anchor, "checked": server.clock}
    since = _since(mark) if anchor else 0
    return {**mark, "seen": sorted(event.id for event in settled if event.time >= since)}


def _questions(change: Change, natives: Mapping[Key, str], answers: Answers) -> list[str]:
    """The answers that say whether a fact is there, and what is in it; memberships apart."""
    match change.key.kind:
        case Kind.ROLE | Kind.COMPOSITE:
            return [*answers.all_of(ROLES), *answers.all_of(COMPOSITES)]
        case Kind.ORGANIZATION | Kind.ORG_MEMBER:
            return [*answers.all_of(ORGANIZATIONS), *answers.all_of(ORG_MEMBERS)]
        case Kind.PERSON:
            return answers.about(change.native) if change.native else answers.all_of(WHO)
        case _:
            return _of_group(change.key.place, natives, answers)


def _of_group(place: Path, natives: Mapping[Key, str], answers: Answers) -> list[str]:
    """The lists that show a group, its members and what lies below it, or else where it would be shown."""
    while place and Key(Kind.GROUP, place) not in natives:
        place = place[:-1]
    if not place:
        return answers.all_of(TOPS)
    group = natives[Key(Kind.GROUP, place)]
    return [
        answers.holder(group) or TOPS,
        *answers.all_of(CHILDREN + group),
        *answers.all_of(MEMBERS + group),
    ]
