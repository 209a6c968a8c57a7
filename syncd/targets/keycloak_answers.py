"""What a realm answered to the questions of a read, so that the same read asks again only what is open.

A question is a text such as `children/ID`; its answer is plain JSON, cut down to what facts are made of.
A read walks the realm by these questions whether they are known or not, so what it finds by remembered
answers is what it would find by fresh ones, as long as each of them still holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncd.targets.keycloak_events import Doubts

T = TypeVar("T")
Json = dict[str, Any]

BRIEF = ("id", "username", "email", "emailVerified", "enabled", "firstName", "lastName", "federationLink")
GROUP = ("id", "name", "description", "attributes", "realmRoles", "clientRoles", "subGroupCount")
TOPS, DIRECTORIES = "tops", "directories"
CHILDREN, MEMBERS, ORG_MEMBERS, WHO, USER = "children/", "members/", "org-members/", "who/", "user/"
ROLES, COMPOSITES, ORGANIZATIONS = "roles/", "composites/", "organizations"


def brief(user: Mapping[str, Any]) -> Json:
    """An account as lists of members show it."""
    return {field: user[field] for field in BRIEF if field in user}


def whole(user: Mapping[str, Any]) -> Json:
    """An account with its attributes."""
    return {field: user[field] for field in (*BRIEF, "attributes") if field in user}


def group(representation: Mapping[str, Any]) -> Json:
    """A group without what Keycloak says of the caller's rights."""
    return {field: representation[field] for field in GROUP if field in representation}


def named(text: str, user: Mapping[str, Any]) -> bool:
    """Whether a text that a mapping uses is the username or address of this account."""
    return text in (user["username"], user.get("email"))


class Answers:
    """Answers by question; `fresh` are those asked for in this run, `edits` counts what became different."""

    def __init__(self, known: Json | None = None) -> None:
        self._known: Json = known or {}
        self._used: set[str] = set()
        self._before = len(self._known)
        self.fresh: set[str] = set()
        self.edits = 0

    def of(self, question: str, ask: Callable[[], T]) -> T:
        """The answer, asked for where it is not known. Threads may ask different questions at once."""
        if question not in self._known:
            self.put(question, ask())
        self._used.add(question)
        answer: T = self._known[question]
        return answer

    def put(self, question: str, answer: Any) -> None:
        """Take down what was asked together with others."""
        self._replace(question, answer)
        self.fresh.add(question)

    def open(self, questions: Iterable[str]) -> list[str]:
        """Those to which no answer is known, in their order."""
        return [question for question in questions if question not in self._known]

    def peek(self, question: str) -> Any:
        """The answer, or None; it does not count as used."""
        return self._known.get(question)

    def forget(self, *beginnings: str) -> None:
        """Let the answers to these questions be asked for again; `x/` stands for all that begin so."""
        for beginning in beginnings:
            for question in [*self.all_of(beginning)] if beginning.endswith("/") else [beginning]:
                if self._known.pop(question, self) is not self:
                    self.edits += 1

    def kept(self) -> Json:
        """What this run used, which is what the next one may know."""
        return {question: answer for question, answer in self._known.items() if question in self._used}

    @property
    def differ(self) -> bool:
        """Whether what is kept is other than what was known at first."""
        return self.edits > 0 or len(self._used) != self._before

    def all_of(self, beginning: str) -> list[str]:
        """The questions that begin so and have an answer."""
        return [question for question in self._known if question.startswith(beginning)]

    # --- what events say

    def holder(self, group_id: str) -> str:
        """The list that shows a group, empty where none that was read does."""
        lists = [TOPS, *self.all_of(CHILDREN)]
        return next(
            (one for one in lists if any(row["id"] == group_id for row in self._known.get(one) or ())), ""
        )

    def doubt_groups(self, doubts: Doubts) -> None:
        """Forget every list of groups, roles or organizations in which something may be different."""
        holders = {
            row["id"]: one for one in (TOPS, *self.all_of(CHILDREN)) for row in self._known.get(one) or ()
        }
        for group_id in doubts.gone_groups:
            parent = holders.get(group_id, "").removeprefix(CHILDREN)
            self.forget(*(holders[one] for one in (group_id, parent) if one in holders))
        for group_id in doubts.groups | doubts.parents:
            self.forget(*([holders[group_id]] if group_id in holders else []))
        self.forget(*(CHILDREN + parent for parent in doubts.parents))
        self.forget(*(ORG_MEMBERS + one for one in doubts.organizations))
        if doubts.tops:
            self.forget(TOPS)
        if doubts.tree:
            self.forget(TOPS, CHILDREN)
        if doubts.roles:
            self.forget(ROLES, COMPOSITES)
        if doubts.aliases:
            self.forget(ORGANIZATIONS)

    # --- accounts

    def nobody(self) -> list[str]:
        """The questions for people whom nobody was found for."""
        return [question for question in self.all_of(WHO) if not self._known[question]]

    def mentioned(self) -> set[str]:
        """The ids of all accounts in any answer."""
        found = {question.removeprefix(USER) for question in self.all_of(USER)}
        lists = [*self._lists(), *self.all_of(WHO)]
        return found | {user["id"] for one in lists for user in self._known[one]}

    def about(self, user_id: str) -> list[str]:
        """The questions whose answer is this account, or that it does not exist."""
        found = [one for one in self.all_of(WHO) if any(user["id"] == user_id for user in self._known[one])]
        return [*self.all_of(USER + user_id), *found]

    def renew(self, asked: set[str], found: Mapping[str, Json]) -> None:
        """Put accounts as they are now in place of those known; who was asked for and not found is gone."""
        for one in [*self._lists()]:
            users = self._known[one]
            if any(user["id"] in asked for user in users):
                now = [_renewed(one, user, asked, found) for user in users if _stays(user, asked, found)]
                self._replace(one, now)
        for user_id in asked:
            if USER + user_id in self._known:
                self._replace(USER + user_id, found.get(user_id))
        self._rename(asked, found)

    def join(self, group_id: str, user: Json) -> None:
        """Add a member to a list that is known."""
        members = self._known.get(MEMBERS + group_id)
        if members is not None and all(one["id"] != user["id"] for one in members):
            self._replace(MEMBERS + group_id, [*members, brief(user)])

    def leave(self, group_id: str, user_id: str) -> None:
        """Take a member out of a list that is known."""
        members = self._known.get(MEMBERS + group_id) or []
        staying = [one for one in members if one["id"] != user_id]
        if len(staying) < len(members):
            self._replace(MEMBERS + group_id, staying)

    def _rename(self, asked: set[str], found: Mapping[str, Json]) -> None:
        """Who is called what may have changed."""
        for question in [*self.all_of(WHO)]:
            text, before = question.removeprefix(WHO), self._known[question]
            now = [user for user in before if user["id"] not in asked]
            now += [user for user in found.values() if named(text, user)]
            if now != before:
                self._replace(question, now)

    def _replace(self, question: str, answer: Any) -> None:
        self._known[question] = answer
        self.edits += 1

    def _lists(self) -> Iterator[str]:
        for beginning in (MEMBERS, ORG_MEMBERS):
            yield from self.all_of(beginning)


def _renewed(question: str, user: Json, asked: set[str], found: Mapping[str, Json]) -> Json:
    if user["id"] not in asked:
        return user
    kind = {"membershipType": user["membershipType"]} if question.startswith(ORG_MEMBERS) else {}
    return {**brief(found[user["id"]]), **kind}


def _stays(user: Json, asked: set[str], found: Mapping[str, Json]) -> bool:
    return user["id"] not in asked or user["id"] in found
