"""The acts of people: policy decides first, then the store is changed, in one transaction for each act.

Nothing here writes to a target: what an act gives or takes is a `Grant` in the store, and the run that
follows makes it true. The exception is an account as such (disable, enable, delete), which cannot wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd import invitations, membership_accounts
from syncd.acts import OPEN, Grant, Invitation, InvitationState, Notice, Source
from syncd.administration import Act, Actor, Decision, Held, Membership, Subject, World, decide
from syncd.errors import UsageError
from syncd.identity import Person, fold
from syncd.invitations import Invitee
from syncd.inviting import language_of
from syncd.mapping.suggestions import did_you_mean
from syncd.membership_asking import lacking, one_by_one
from syncd.membership_seats import overbooked, seated
from syncd.membership_words import Asked, Verdict, titled, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from syncd.acts import Record
    from syncd.identity import Resolution
    from syncd.invitations import Rules
    from syncd.mapping.compiled import Compiled
    from syncd.model import Attrs, Path
    from syncd.store import Store
    from syncd.targets.directory import Directory

__all__ = ["Asked", "Office", "Verdict"]


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
    unread: Mapping[str, str] = field(default_factory=dict)  # targets that could not be read, with the reason
    public_url: str = ""  # where people reach the page on which links are redeemed; empty: there is none
    unsent: str = ""  # why no mail of syncd's own leaves; empty where they do

    def acting_as(self, person: str) -> Office:
        """The same office on behalf of a person."""
        return replace(self, actor=Actor(person), by=person)

    @property
    def accounts_in(self) -> str:
        """The target whose accounts say how people stand."""
        return "keycloak" if self.connect is not None else "ldap"

    @property
    def unseen(self) -> str:
        """Why nobody knows how accounts stand; empty where they were read."""
        return self.unread.get(self.accounts_in, "")

    # --- who and what ---------------------------------------------------------------------------------

    def unit(self, text: str) -> Path:
        """The path of a unit as people write it; raises `UsageError`."""
        found = tuple(text.strip("/").split("/"))
        by_id = {unit.ident: path for path, unit in self.compiled.units.items() if unit.ident}
        if found in self.compiled.units:
            return found
        if text in by_id:
            return by_id[text]
        hint = did_you_mean(text, (f"/{'/'.join(path)}" for path in self.compiled.units))
        raise UsageError(
            f'{self.mapping} has no unit "{text}"', hint or "name it by path, such as /acme/platform"
        )

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
        raise UsageError(
            f"{self.world.name(person)} holds several roles in {where}",
            f"say which, by --role, or by --from where it is changed: {', '.join(roles)}",
        )

    def decided(self, act: Act) -> Decision:
        """What policy says of an act, paid seats included."""
        decision = decide(act, self.actor, self.world)
        for given in decision.gives:
            full = overbooked(self.world, given.unit, given.person, given.role)
            if full:
                place = self.world.places(("invitations", "seats"))
                reason = f'{act.target.who}: {full}, and "{given.role}" takes one'
                return Decision(False, reason, "free a seat or raise `seats`", "invitations.seats", place)
        return decision

    def subject(self, person: str, role: str, unit: Path, who: str = "", address: str = "") -> Subject:
        """To whom an act is done, with the state of the account."""
        account = self.world.account(person)
        name = who or account.who
        return Subject(person, role, unit, account.state, account.authority, name, address or account.address)

    # --- how mails call people, units and roles -------------------------------------------------------

    def called(self, person: str) -> str:
        """The text by which acts name a person whom they know by id: an address, else a username."""
        one = self.people.persons.get(person)
        account = self.people.accounts.get((person, "keycloak"))
        if account is not None:
            return account.email or account.username
        return min(one.addresses | one.usernames, default=person) if one else person

    def locale_of(self, person: str, unit: Path) -> str:
        """The language of mails to a person."""
        account = self.people.accounts.get((person, "keycloak"))
        return (account.locale if account else "") or self._language(unit) or "en"

    def unit_title(self, unit: Path, locale: str) -> str:
        """How mails call a unit."""
        return titled(self.compiled.units[unit].title, locale) or unit[-1]

    def role_title(self, unit: Path, role: str, locale: str) -> str:
        """How mails call a role."""
        return titled(self.world.roles(unit)[role].title, locale) or role.rpartition("/")[2]

    # --- acts on memberships --------------------------------------------------------------------------

    def add(self, who: str, unit: Path, role: str, until: date | None = None, reason: str = "") -> Verdict:
        """Give a role to somebody who has an account."""
        person = self.person(who)
        act = Act("add", unit, self.subject(person, role, unit, who), until=until)
        return self._done(act, lambda decision: self.given(decision, who, until=until, reason=reason))

    def change(self, who: str, unit: Path, to: str, role: str = "") -> Verdict:
        """Give another role in place of the one held; what waits for an invitation goes on waiting."""
        person = self.person(who)
        act = Act("change", unit, self.subject(person, role or self.role_of(person, unit), unit, who), to)
        return self._done(act, lambda decision: self._changed(decision, who))

    def _changed(self, decision: Decision, who: str) -> list[Record]:
        before = [grant for taken in decision.takes for grant in self.grants_behind(taken)]
        waits = next((grant.waits for grant in before if grant.waits), "")
        source = next((grant.source for grant in before), Source.ADMIN)
        given = self.given(decision, who, waits=waits, source=source)
        asked = self.store.acts.get(Invitation, waits) if waits else None
        if asked is None or not given:
            return [*given]
        return [*given, replace(asked, unit=given[0].unit, role=given[0].role)]

    def remove(self, who: str, unit: Path, role: str = "") -> Verdict:
        """Take a role away, there and below."""
        person = self.person(who)
        act = Act("remove", unit, self.subject(person, role or self.role_of(person, unit), unit, who))
        return self._done(act, self._fates)

    def _fates(self, decision: Decision) -> list[Record]:
        """What applications are told of the data, for each membership that a removal takes."""
        told: list[Record] = []
        for taken in decision.takes:
            removal = self.world.document(taken.unit).removal
            if removal.what == "membership" and removal.data is not None:
                to = removal.data.shared.to if removal.data.shared else ""
                heir = self.world.name(self.actor.person) if to == "actor" and self.actor.person else ""
                values = {
                    "person": self.world.name(taken.person),
                    "unit": self.compiled.units[taken.unit].uid,
                    "role": taken.role,
                    **membership_accounts.fate(removal, heir),
                }
                told.append(Notice(self.new_id("n"), self.mapping, about="data.heir", values=values))
        return told

    def _done(self, act: Act, records: Callable[[Decision], Sequence[Record]]) -> Verdict:
        """Decide; where it is allowed, write what is given and delete what is taken, all or nothing."""
        decision = self.decided(act)
        verdict = Verdict(act.target.who, decision.allowed, str(decision), decision.place)
        if decision.allowed:
            gone = [grant for taken in decision.takes for grant in self.grants_behind(taken)]
            self.store.acts.change(*records(decision), gone=gone, by=self.by)
        return verdict

    def given(  # noqa: PLR0913 - what a grant says beside who gets what
        self,
        decision: Decision,
        who: str,
        *,
        until: date | None = None,
        reason: str = "",
        waits: str = "",
        source: Source = Source.ADMIN,
    ) -> list[Grant]:
        """The grants that make true what a decision gives."""
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

    def grants_behind(self, taken: Membership) -> list[Grant]:
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

        With `forbidden_role: fail` one refusal refuses all; otherwise the others go out. Each is decided in
        the world that those before leave, so that a batch passes no limit that one by one would meet.
        """
        if refusals := one_by_one(self.world, unit, asked, self.actor):
            return refusals
        if self.world.document(unit).invitations.forbidden_role == "fail":
            refused = next(
                (found for one in asked if not (found := self._allowed(unit, one)[1]).allowed), None
            )
            if refused is not None:
                return [Verdict(one.address, False, str(refused), refused.place) for one in asked]
        verdicts, office = [], self
        for one in asked:
            verdict, given = office._invited(unit, one, extra)
            verdicts.append(verdict)
            office = office.after(given)
        return verdicts

    def after(self, given: Sequence[Membership]) -> Office:
        """The office in the world in which this is held as well."""
        waiting = [Held(one.person, one.role, one.unit, Source.INVITATION, waits=True) for one in given]
        world = replace(self.world, holdings=[*self.world.holdings, *waiting]) if waiting else self.world
        return replace(self, world=world)

    def _allowed(self, unit: Path, one: Asked) -> tuple[Act, Decision]:
        """Whether the person may be invited, as what a seat is left for.

        Where people set their first password themselves nobody is mailed a link: that is called `create`.
        """
        person = self.known(one.address)
        role = seated(self.world, unit, person, one.role)
        verb = "create" if self.world.document(unit).invitations.activation == "self_reset" else "invite"
        act = Act(verb, unit, self.subject(person, role, unit, one.address, one.address))
        return act, self.decided(act)

    def known(self, address: str) -> str:
        """The id of the one person with this address or username, else empty."""
        name = fold(address)
        found = [one.id for one in self.people.persons.values() if name in one.addresses | one.usernames]
        return found[0] if len(found) == 1 else ""

    def _invited(
        self, unit: Path, one: Asked, extra: Sequence[tuple[Path, str]]
    ) -> tuple[Verdict, Sequence[Membership]]:
        if own := unwritable(one.attributes):
            return Verdict(one.address, False, own), ()
        act, decision = self._allowed(unit, one)
        further = [self._further(act.target.person, one, at, role) for at, role in extra]
        refused = next((found for found in (decision, *further) if not found.allowed), None)
        if refused is not None:
            return Verdict(one.address, False, str(refused), refused.place), ()
        open_ = self._open(one.address)
        has_account = (act.target.person, "keycloak") in self.people.accounts and open_ is None
        if has_account and self.world.document(unit).invitations.existing_account == "error":
            place = self.world.places(("invitations", "existing_account"))
            detail = f"an account with this address exists already (invitations.existing_account, {place})"
            return Verdict(one.address, False, f"{detail}; add the person instead", place), ()
        is_new = not has_account and open_ is None
        unsaid = lacking(self.world, unit, one, [at for at, _ in extra]) if is_new else None
        if unsaid is not None:
            return unsaid, ()
        person = act.target.person or self._new_person(one)
        gives = [replace(given, person=person) for each in (decision, *further) for given in each.gives]
        decision = replace(decision, gives=tuple(gives))
        answered = [one.answers] if one.answers else []
        if has_account:
            records: Sequence[Record] = self.given(decision, one.address)
            said = "has an account already, so no mail leaves"
        elif open_ is not None:
            records = self.given(decision, one.address, waits=open_.id, source=Source.INVITATION)
            said = "waits for the invitation that is open already, so no other mail leaves"
        else:
            records, said = self._asked(unit, one, person, decision), "invited"
        self.store.acts.change(*answered, *records, by=self.by)
        return Verdict(one.address, True, f"{decision}; {said}", decision.place), gives

    def _further(self, person: str, one: Asked, at: Path, role: str) -> Decision:
        """Whether a unit that was named beside may be given too: an add of its own."""
        act = Act("add", at, self.subject(person, role, at, one.address, one.address))
        return self.decided(act)

    def _asked(self, unit: Path, one: Asked, person: str, decision: Decision) -> list[Record]:
        """The invitation and everything that waits for it."""
        invitee = Invitee(
            person,
            fold(one.address),
            self.compiled.units[unit].uid,
            decision.gives[0].role,
            language_of(self.world.document(unit), one.locale),
            one.given_name,
            one.family_name,
            one.username,
            one.attributes,
        )
        made = invitations.asked(self.new_id("i"), self.mapping, invitee, self.by, self.now())
        return [made, *self.given(decision, one.address, waits=made.id, source=Source.INVITATION)]

    def _language(self, unit: Path) -> str:
        """The language of mails to people of whom nothing else is known."""
        document = self.world.document(unit)
        fixed = document.invitations.locale
        return document.settings.language or "" if fixed in ("person", "per_batch", "fixed") else fixed

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

    def decline(self, address: str, reason: str = "") -> Verdict:
        """The invited person says no, or an operator for them; nothing is given, nobody is mailed again."""
        one = self._latest(address)
        if not self.actor.operator and self.actor.person != one.person:
            cause = "only the invited person declines; whoever invites cancels"
            return Verdict(one.address, False, f"{one.address}: {cause}")
        return self._ended(one, invitations.decline(one, self.now(), reason))

    def _again(self, verb: str, address: str, done: Callable[[Invitation], Invitation | str]) -> Verdict:
        one = self._latest(address)
        changed = done(one)
        too_late = isinstance(changed, str)
        if self.actor.operator and (too_late or (verb == "cancel" and not self._exists(one.unit))):
            return self._ended(one, changed)
        unit = self.path_of(one.unit)
        act = Act(verb, unit, self.subject(one.person, one.role, unit, one.address, one.address))
        decision = self.decided(act)
        if not decision.allowed:
            return Verdict(one.address, False, str(decision), decision.place)
        return self._ended(one, changed, decision)

    def _ended(self, one: Invitation, changed: Invitation | str, decision: Decision | None = None) -> Verdict:
        """Keep how an invitation goes on; what waited for one that is over goes with it."""
        place = decision.place if decision else None
        if isinstance(changed, str):
            return Verdict(one.address, False, changed, place)
        waiting = self.store.acts.all(Grant, self.mapping, person=one.person)
        is_over = changed.state in (InvitationState.CANCELLED, InvitationState.DECLINED)
        gone = [grant for grant in waiting if grant.waits == one.id] if is_over else []
        self.store.acts.change(changed, gone=gone, by=self.by)
        said = str(decision) if decision else f"{one.address}: the invitation is over"
        return Verdict(one.address, True, said, place)

    def path_of(self, uid: str) -> Path:
        """The path of a unit by its id, former ones included."""
        for path, unit in self.compiled.units.items():
            if uid in (unit.uid, *unit.former):
                return path
        raise UsageError(f'the unit "{uid}" is no longer in {self.mapping}', "put it back, or say `formerly`")

    def _exists(self, uid: str) -> bool:
        return any(uid in (unit.uid, *unit.former) for unit in self.compiled.units.values())

    # --- accounts -------------------------------------------------------------------------------------

    def disable(self, who: str, reason: str = "") -> Verdict:
        """End login and sessions; memberships stay, and the run locks the directory entry."""
        return membership_accounts.disable(self, who, reason)

    def enable(self, who: str) -> Verdict:
        """Let somebody in again, with exactly what they had."""
        return membership_accounts.enable(self, who)

    def edit(self, who: str, profile: Attrs) -> Verdict:
        """Write names, language and attributes of an account that syncd made."""
        return membership_accounts.edit(self, who, profile)

    def delete(self, who: str, heir: str = "") -> Verdict:
        """Delete the account where the model allows it, after `grace`; who gets its data is on record."""
        return membership_accounts.delete(self, who, heir)

    def erase(self, who: str) -> Verdict:
        """Forget the names of somebody who holds nothing any more; for operators only."""
        person = self.person(who)
        held = self.world.of(person)
        if not self.actor.operator:
            return Verdict(who, False, "only an operator erases people; leave out --as")
        if held:
            return Verdict(who, False, f"{who} holds {held[0]}; remove that first", held[0].place)
        self.store.erase(person)
        return Verdict(person, True, "everything by which the person could be named is erased")
