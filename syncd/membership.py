"""The acts of people: policy decides first, then the store is changed, in one transaction for each act.

Nothing here writes to a target: what an act gives or takes is a `Grant` in the store, and the run that
follows makes it true. The exception is an account as such (disable, enable, delete), which cannot wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd import invitations
from syncd.acts import OPEN, Grant, Invitation, Lock, Notice, Source
from syncd.administration import Act, Actor, Decision, Membership, Subject, World, decide
from syncd.errors import UsageError
from syncd.identity import Person, fold
from syncd.invitations import Invitee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from syncd.acts import Record
    from syncd.errors import Place
    from syncd.identity import Resolution
    from syncd.invitations import Rules
    from syncd.mapping.compiled import Compiled
    from syncd.model import Path
    from syncd.store import Store
    from syncd.targets.directory import Directory


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an act for one person: allowed or not, why, and the line of the rule."""

    who: str
    allowed: bool
    detail: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One person to be invited, as whoever invites describes them; an empty role is the model's default."""

    address: str
    role: str = ""
    given_name: str = ""
    family_name: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Office:
    """Where acts on one mapping are done, on behalf of one actor; `by` is how records name them."""

    mapping: str
    compiled: Compiled
    people: Resolution
    world: World
    store: Store
    actor: Actor
    by: str
    rules: Rules | None
    connect: Callable[[], Directory] | None
    now: Callable[[], datetime]
    new_id: Callable[[str], str]

    def acting_as(self, person: str) -> Office:
        """The same office on behalf of a person."""
        return replace(self, actor=Actor(person), by=person)

    # --- who and what ---------------------------------------------------------------------------------

    def unit(self, text: str) -> Path:
        """The path of a unit as people write it; raises `UsageError`."""
        found = tuple(text.strip("/").split("/"))
        by_id = {unit.ident: path for path, unit in self.compiled.units.items() if unit.ident}
        if found in self.compiled.units:
            return found
        if text in by_id:
            return by_id[text]
        raise UsageError(f'{self.mapping} has no unit "{text}"', "name it by path, such as /acme/platform")

    def person(self, text: str) -> str:
        """The id of a person named by address, username or id; raises `UsageError`."""
        name = fold(text)
        ids = {id_ for written, id_ in self.people.ids.items() if fold(written) == name}
        known = self.people.persons.values()
        ids |= {one.id for one in known if name in one.addresses | one.usernames or one.id == text}
        if len(ids) == 1:
            return ids.pop()
        raise UsageError(
            f'nobody in {self.mapping} is known as "{text}"' if not ids else f'"{text}" means several people',
            "see `syncd members list`",
        )

    def role_of(self, person: str, unit: Path) -> str:
        """The one direct role of a person in a unit; raises `UsageError` where there is none or several."""
        roles = sorted({held.role for held in self.world.of(person) if held.unit == unit})
        if len(roles) == 1:
            return roles[0]
        where = "/" + "/".join(unit)
        if not roles:
            raise UsageError(
                f"{self.world.name(person)} holds no role in {where}", "see `syncd members list`"
            )
        raise UsageError(f"{self.world.name(person)} holds several roles in {where}", f"say which: {roles}")

    def _subject(self, person: str, role: str, unit: Path, who: str = "", address: str = "") -> Subject:
        account = self.world.account(person)
        name = who or account.who
        return Subject(person, role, unit, account.state, account.authority, name, address or account.address)

    # --- acts on memberships --------------------------------------------------------------------------

    def add(self, who: str, unit: Path, role: str, until: date | None = None, reason: str = "") -> Verdict:
        """Give a role to somebody who has an account."""
        person = self.person(who)
        act = Act("add", unit, self._subject(person, role, unit, who), until=until)
        return self._done(act, lambda decision: self._given(decision, who, until=until, reason=reason))

    def change(self, who: str, unit: Path, to: str, role: str = "") -> Verdict:
        """Give another role in place of the one held."""
        person = self.person(who)
        act = Act("change", unit, self._subject(person, role or self.role_of(person, unit), unit, who), to)
        return self._done(act, lambda decision: self._given(decision, who))

    def remove(self, who: str, unit: Path, role: str = "") -> Verdict:
        """Take a role away, there and below."""
        person = self.person(who)
        act = Act("remove", unit, self._subject(person, role or self.role_of(person, unit), unit, who))
        return self._done(act, lambda _decision: [])

    def _done(self, act: Act, records: Callable[[Decision], Sequence[Record]]) -> Verdict:
        """Decide; where it is allowed, write what is given and delete what is taken, all or nothing."""
        decision = decide(act, self.actor, self.world)
        verdict = Verdict(act.target.who, decision.allowed, str(decision), decision.place)
        if decision.allowed:
            gone = [grant for taken in decision.takes for grant in self._grants(taken)]
            self.store.acts.change(*records(decision), gone=gone, by=self.by)
        return verdict

    def _given(  # noqa: PLR0913 - what a grant says beside who gets what
        self,
        decision: Decision,
        who: str,
        *,
        until: date | None = None,
        reason: str = "",
        waits: str = "",
        source: Source = Source.ADMIN,
    ) -> list[Grant]:
        now = self.now()
        return [
            Grant(
                self.new_id("g"),
                self.mapping,
                unit=self.compiled.units[given.unit].uid,
                role=given.role,
                person=given.person,
                who=fold(who),
                source=source,
                by=self.by,
                since=None if waits else now,
                until=until,
                waits=waits,
                reason=reason,
            )
            for given in decision.gives
        ]

    def _grants(self, taken: Membership) -> list[Grant]:
        """The grants of acts behind a membership; those of files are refused before."""
        unit = self.compiled.units[taken.unit]
        uids = {unit.uid, *unit.former}
        mine = self.store.acts.all(Grant, self.mapping, person=taken.person)
        return [grant for grant in mine if grant.role == taken.role and grant.unit in uids]

    # --- invitations ----------------------------------------------------------------------------------

    def invite(
        self, unit: Path, asked: Sequence[Asked], extra: Sequence[tuple[Path, str]] = ()
    ) -> list[Verdict]:
        """Invite people into a unit, each with a role; `extra` are further (unit, role) given with it.

        With `forbidden_role: fail` one refusal refuses all; otherwise the others go out.
        """
        document = self.world.document(unit)
        decisions = [(one, self._invitation(unit, one)) for one in asked]
        refused = [decision for _, (_, decision) in decisions if not decision.allowed]
        if refused and document.invitations.forbidden_role == "fail":
            return [
                Verdict(
                    one.address, False, str(decision if not decision.allowed else refused[0]), decision.place
                )
                for one, (_, decision) in decisions
            ]
        return [self._invited(unit, one, act, decision, extra) for one, (act, decision) in decisions]

    def _invitation(self, unit: Path, one: Asked) -> tuple[Act, Decision]:
        person = self._known(one.address)
        subject = self._subject(person, one.role, unit, one.address, one.address)
        act = Act("invite", unit, subject)
        return act, decide(act, self.actor, self.world)

    def _known(self, address: str) -> str:
        name = fold(address)
        found = [one.id for one in self.people.persons.values() if name in one.addresses | one.usernames]
        return found[0] if len(found) == 1 else ""

    def _invited(
        self, unit: Path, one: Asked, act: Act, decision: Decision, extra: Sequence[tuple[Path, str]]
    ) -> Verdict:
        if not decision.allowed:
            return Verdict(one.address, False, str(decision), decision.place)
        has_account = (act.target.person, "keycloak") in self.people.accounts
        invitation_rules = self.world.document(unit).invitations
        if has_account and invitation_rules.existing_account == "error":
            return Verdict(one.address, False, "an account with this address exists already", decision.place)
        if self._open(one.address):
            return Verdict(one.address, False, "an invitation to this address is open already: resend it")
        person = act.target.person or self._new_person(one)
        gives = [replace(given, person=person) for given in decision.gives]
        gives += [Membership(person, role, at) for at, role in extra]
        decision = replace(decision, gives=tuple(gives))
        if has_account and self.world.account(person).state != "pending":
            self.store.acts.change(*self._given(decision, one.address), by=self.by)
            return Verdict(one.address, True, f"{decision}; has an account, no mail", decision.place)
        self._ask(unit, one, person, decision)
        return Verdict(one.address, True, f"{decision}; invited", decision.place)

    def _ask(self, unit: Path, one: Asked, person: str, decision: Decision) -> None:
        """The invitation and everything that waits for it, in one transaction."""
        invitee = Invitee(
            person,
            fold(one.address),
            self.compiled.units[unit].uid,
            decision.gives[0].role,
            one.locale,
            one.given_name,
            one.family_name,
        )
        made = invitations.asked(self.new_id("i"), self.mapping, invitee, self.by, self.now())
        waiting = self._given(decision, one.address, waits=made.id, source=Source.INVITATION)
        self.store.acts.change(made, *waiting, by=self.by)

    def _new_person(self, one: Asked) -> str:
        person = Person(self.new_id("p"), addresses=frozenset({fold(one.address)}))
        self.store.save_persons([person])
        return person.id

    def _open(self, address: str) -> Invitation | None:
        name = fold(address)
        found = [one for one in self.store.acts.all(Invitation, self.mapping) if fold(one.address) == name]
        return next((one for one in found if one.state in OPEN), None)

    def _latest(self, address: str) -> Invitation:
        name = fold(address)
        found = [
            one
            for one in self.store.acts.all(Invitation, self.mapping)
            if name in (fold(one.address), one.id)
        ]
        if not found:
            raise UsageError(f'there is no invitation to "{address}"', "see `syncd invitations list`")
        return found[-1]

    def resend(self, address: str) -> Verdict:
        """Ask for the invitation to go out again, as the mapping allows."""
        return self._again("resend", address, self._resent)

    def _resent(self, one: Invitation) -> Invitation | str:
        if self.rules is None:
            return "rejected: this mapping has no Keycloak, so nobody is invited"
        return invitations.request_resend(one, self.now(), self.rules)

    def cancel(self, address: str, reason: str = "") -> Verdict:
        """End an invitation; what waited for it is gone, and the link is dead after the run."""
        return self._again("cancel", address, lambda one: invitations.cancel(one, self.now(), reason))

    def _again(self, verb: str, address: str, done: Callable[[Invitation], Invitation | str]) -> Verdict:
        one = self._latest(address)
        unit = self._place(one.unit)
        act = Act(verb, unit, self._subject(one.person, one.role, unit, one.address, one.address))
        decision = decide(act, self.actor, self.world)
        if not decision.allowed:
            return Verdict(one.address, False, str(decision), decision.place)
        changed = done(one)
        if isinstance(changed, str):
            return Verdict(one.address, False, changed, decision.place)
        waiting = self.store.acts.all(Grant, self.mapping, person=one.person)
        gone = [grant for grant in waiting if grant.waits == one.id] if verb == "cancel" else []
        self.store.acts.change(changed, gone=gone, by=self.by)
        return Verdict(one.address, True, str(decision), decision.place)

    def _place(self, uid: str) -> Path:
        """The path of a unit by its id, former ones included."""
        for path, unit in self.compiled.units.items():
            if uid in (unit.uid, *unit.former):
                return path
        raise UsageError(f'the unit "{uid}" is no longer in {self.mapping}', "put it back, or say `formerly`")

    # --- accounts -------------------------------------------------------------------------------------

    def disable(self, who: str, reason: str = "") -> Verdict:
        """End login and sessions; memberships stay, and the run locks the directory entry."""
        return self._account("disable", who, lambda lock: replace(lock, reason=reason))

    def enable(self, who: str) -> Verdict:
        """Let somebody in again, with exactly what they had."""
        return self._account("enable", who, lambda lock: replace(lock, state="enabled"))

    def delete(self, who: str, heir: str = "") -> Verdict:
        """Delete the account where the model allows it; the heir of shared data is put on record."""
        chosen = self.person(heir) if heir else ""
        return self._account("delete", who, lambda lock: replace(lock, state="deleted"), chosen)

    def _account(self, verb: str, who: str, done: Callable[[Lock], Lock], heir: str = "") -> Verdict:
        person = self.person(who)
        held = self.world.of(person)
        unit, role = (held[0].unit, held[0].role) if held else (next(iter(self.compiled.units)), "")
        act = Act(verb, unit, self._subject(person, role, unit, who), heir=heir)
        decision = decide(act, self.actor, self.world)
        if not decision.allowed:
            return Verdict(who, False, str(decision), decision.place)
        account = self.people.accounts.get((person, "keycloak"))
        if account is not None and self.connect is not None:
            self._directory(verb, account.native)
        self._locked(person, done, decision, verb)
        return Verdict(who, True, str(decision), decision.place)

    def _directory(self, verb: str, native: str) -> None:
        """What Keycloak must do at once: a lock that waits for a run is no lock."""
        if self.connect is None:
            return
        directory = self.connect()
        if verb == "enable":
            directory.enable(native)
        elif verb == "disable":
            directory.disable(native)
            directory.end_sessions(native)
        else:
            directory.delete(native)

    def _locked(self, person: str, done: Callable[[Lock], Lock], decision: Decision, verb: str) -> None:
        locks = [
            one for one in self.store.acts.all(Lock, self.mapping, person=person) if one.state == "disabled"
        ]
        lock = locks[-1] if locks else Lock(self.new_id("l"), self.mapping, person=person, since=self.now())
        lock = replace(done(lock), by=self.by, heir=decision.heir)
        gone = self.store.acts.all(Grant, self.mapping, person=person) if verb == "delete" else []
        notices = [self._inheritance(person, decision.heir)] if verb == "delete" else []
        self.store.acts.change(lock, notices=notices, gone=gone, by=self.by)

    def _inheritance(self, person: str, heir: str) -> Notice:
        """What applications are told of the data of a deleted account."""
        values = {"person": self.world.name(person), "heir": self.world.name(heir) if heir else ""}
        return Notice(self.new_id("n"), self.mapping, about="data.heir", values=values)
