"""The shell around `invitations`: for every invitation of a mapping look, decide one step, do it, record.

`settle` does only what Keycloak already shows (accepted, expired, what became of a mail) and comes before
the files are compiled, so that a run grants what was accepted; `advance` also makes accounts and sends
mails and belongs to a run that writes. Every record is committed before the call that it announces.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd import invitations
from syncd.acts import OPEN, Grant, Invitation, InvitationState, Notice, Record
from syncd.errors import IncompleteRead, Stale, TargetError
from syncd.invitations import (
    Accept,
    Budget,
    Expire,
    Fail,
    KeepAccount,
    MakeAccount,
    Nothing,
    RemakeAccount,
    Rules,
    Seen,
    Send,
    Settle,
    Tell,
    Unword,
    Withdraw,
)
from syncd.invitations_mail import unwelcome, without_mail
from syncd.model import Kind, Mailed
from syncd.targets.directory import AccountRefused, MailFacts, NewAccount, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from syncd.identity import Person
    from syncd.invitations import Step
    from syncd.mapping.schema import Invitations, MappingDocument
    from syncd.settings.models import MailRule
    from syncd.store import Store
    from syncd.targets.directory import AccountState, Directory

DAY = timedelta(days=1)
MOST_STEPS = 8
PROOF = "UPDATE_PASSWORD"
VERIFY_EMAIL = "VERIFY_EMAIL"
"""The required action that syncd puts on an account it makes: gone means accepted."""

PASSIVE = (Accept, Expire, Settle, Tell)
KEYCLOAK = "keycloak"


@dataclass(frozen=True, slots=True)
class Letter:
    """What an invitation mail names, by unit id and role: titles, and the pages it leads to."""

    unit: Callable[[str, str], str]  # (unit id, language) → title
    role: Callable[[str, str], str]
    inviter: Callable[[str], str]  # person id or operator:NAME → name
    actions: tuple[str, ...]
    client: str = ""
    redirect: str = ""
    login: str = ""
    language: str = "en"  # of what inviters are told


def rules_of(document: Invitations, mails_per_day: int | None, mail: MailRule, now: datetime) -> Rules:
    """The mapping's rules of inviting and the operator's of mailing, as `invitations` wants them."""
    email = document.channels.email
    mode = "only" if mail.only else mail.mode
    valid_for = email.valid_for.after(now) - now if email and email.valid_for else None
    return Rules(
        valid_for=valid_for,
        activation=document.activation,
        grant_at=document.grant_at,
        resend_when=frozenset(document.resend.when),
        voids_previous=document.resend.voids_previous,
        reminders=tuple(span.after(now) - now for span in document.reminders),
        notify=frozenset(document.notify.inviter),
        domains=frozenset(document.domains),
        mail_mode=mode,
        mail_domains=frozenset(mail.only or ()),
        per_person_per_day=document.limits.per_person_per_day,
        per_unit_per_day=document.limits.per_unit_per_day,
        per_day=mails_per_day,
    )


def mailed_actions(document: Invitations) -> tuple[str, ...]:
    """What the mailed link asks for: `actions`, as far as `invitee.sets` says what there is to fill in.

    Where links ask for a verified address, that is among them.
    """
    link, actions = document.channels.link, _filled_in(document)
    verifies = link is not None and link.verify_email and VERIFY_EMAIL not in actions
    return (*actions, VERIFY_EMAIL) if verifies else actions


def _filled_in(document: Invitations) -> tuple[str, ...]:
    if not document.invitee.sets:
        return document.actions
    sets = set(document.invitee.sets)
    fills = {"UPDATE_PASSWORD": "password" in sets, "UPDATE_PROFILE": bool(sets - {"password", "email"})}
    kept = tuple(action for action in document.actions if fills.get(action, True))
    return kept + tuple(action for action, is_asked in fills.items() if is_asked and action not in kept)


def language_of(document: MappingDocument, asked: str) -> str:
    """The language of somebody's mail: the one asked for, unless the mapping has one for everybody."""
    rule, usual = document.invitations.locale, document.settings.language or ""
    if rule == "fixed":
        return usual
    return asked or usual if rule in ("person", "per_batch") else rule


def budget_of(store: Store, one: Invitation, now: datetime) -> Budget:
    """The mails that left within a day: in the mapping of an invitation, in its unit, to its person."""
    since, count = now - DAY, store.acts.mails_since
    return Budget(
        count(one.mapping, since),
        count(one.mapping, since, unit=one.unit),
        count(one.mapping, since, person=one.person),
        now + DAY,
    )


def held_back(store: Store, one: Invitation, rules: Rules, now: datetime) -> str:
    """Why an invitation that was asked for does not leave now, as far as files and store say; else empty."""
    if one.state is not InvitationState.REQUESTED:
        return ""
    closed = without_mail(one, rules, budget_of(store, one, now))
    return unwelcome(one, rules) or (closed.reason if closed else "")


@dataclass(frozen=True, slots=True)
class Inviter:
    """The invitations of one mapping, with everything that a step needs."""

    mapping: str
    store: Store
    connect: Callable[[], Directory]  # gives the same one each time; called only where it is needed
    rules: Rules
    letter: Letter
    now: Callable[[], datetime]
    new_id: Callable[[str], str]

    @property
    def directory(self) -> Directory:
        """The accounts of the realm."""
        return self.connect()

    def open(self) -> list[Invitation]:
        """Every invitation that a run must look at."""
        found = self.store.acts.all(Invitation, self.mapping)
        return [one for one in found if invitations.concerns(one, self.rules)]

    def grants(self) -> list[Grant]:
        """The memberships that acts gave, those that still wait for an invitation included."""
        return self.store.acts.all(Grant, self.mapping)

    def settle(self) -> None:
        """Take note of what Keycloak shows: who accepted, what expired, which mail left.

        Where Keycloak cannot be asked nothing is known, and the run's own read says so.
        """
        with suppress(TargetError):
            self._each(self.open(), lambda _one: True, passive=True)

    def declare(self, invitees: Iterable[invitations.Invitee]) -> None:
        """See that people whom the files name and Keycloak does not know have an invitation."""
        known = {one.person for one in self.open() if one.declared} | self._declined()
        for invitee in invitees:
            if invitee.person not in known:
                made = invitations.declared(self.new_id("i"), self.mapping, invitee, self.now())
                self.store.acts.add(made)

    def _declined(self) -> set[str]:
        """Who said no is not asked again while a file goes on naming them."""
        found = self.store.acts.all(Invitation, self.mapping, state=InvitationState.DECLINED)
        return {one.person for one in found if one.declared}

    def advance(self, named: frozenset[str], units: frozenset[str]) -> list[Mailed]:
        """Do the next steps of every invitation; `named` are the persons whom the files still name.

        One by an act into a unit that is not among `units`, those of the files by id, is left as it is: the
        unit may be back tomorrow, and a mail that left is not taken back.
        """
        waiting = {grant.waits for grant in self.grants()}

        def wanted(one: Invitation) -> bool:
            return one.person in named if one.declared else one.id in waiting

        known = [one for one in self.open() if one.declared or one.unit in units]
        return self._each(known, wanted, passive=False)

    def waiting(self) -> Mapping[str, str]:
        """Why a person must wait although the account is there, by person id."""
        if self.rules.grant_at == "creation":
            return {}
        return {
            one.person: f"invited on {one.asked_at:%Y-%m-%d}, waits for acceptance ({one.state})"
            for one in self.open()
            if one.state is not InvitationState.ACCEPTED and one.asked_at
        }

    # --- one invitation -------------------------------------------------------------------------------

    def _each(
        self, found: list[Invitation], wanted: Callable[[Invitation], bool], *, passive: bool
    ) -> list[Mailed]:
        done: list[Mailed] = []
        known = [one.account for one in found if one.account]
        states = self.directory.states(known) if known else {}
        for one in found:
            try:
                done += self._steps(one, states.get(one.account), wanted(one), passive=passive)
            except Stale:
                continue  # somebody acted on it meanwhile; the next run sees what they decided
            except TargetError as error:
                done.append(Mailed(one.address, "looked at", str(error)))
        return done

    def _steps(
        self, one: Invitation, state: AccountState | None, wanted: bool, *, passive: bool
    ) -> list[Mailed]:
        done: list[Mailed] = []
        for _ in range(MOST_STEPS):
            step = invitations.next_step(
                one,
                self._seen(one, state),
                wanted,
                self.now(),
                self.rules,
                budget_of(self.store, one, self.now()),
            )
            if isinstance(step, Nothing) or (passive and not isinstance(step, PASSIVE)):
                break
            one, said = self._do(one, step)
            done += said
            state = self.directory.state(one.account) if one.account else None
        return done

    def _seen(self, one: Invitation, state: AccountState | None) -> Seen:
        if state is None:
            state = self._found(one)
        if state is None:
            return Seen()
        event = None
        if one.state is InvitationState.SENDING:
            event = self.directory.mail_event(state.native, invitations.evidence_since(one, self.rules))
        return Seen(
            account=state.native,
            enabled=state.enabled,
            pending_action=PROOF in state.pending,
            credential=state.credential,
            linked=state.provider_links > 0,
            address=state.address,
            foreign=state.activated or state.roles > 0 or self._is_shared(one, state),
            mail_event=event,
        )

    def _found(self, one: Invitation) -> AccountState | None:
        """The account with the address: one that proved it, or one that we were making when we crashed."""
        native = self.directory.find(one.address)
        state = self.directory.state(native) if native else None
        return state if state is not None and (state.verified or one.made_account) else None

    def _is_shared(self, one: Invitation, state: AccountState) -> bool:
        """Whether somebody else counts on the account: another invitation, or a group that is not ours."""
        others = self.store.acts.all(Invitation, None, person=one.person)
        if any(other.id != one.id and other.state in OPEN for other in others):
            return True
        ours = {row.native for row in self.store.owned(self.mapping, KEYCLOAK) if row.key.kind is Kind.GROUP}
        return not state.group_ids <= ours

    def _do(self, one: Invitation, step: Step) -> tuple[Invitation, list[Mailed]]:
        match step:
            case MakeAccount():
                return self._make(one)
            case RemakeAccount(account=account):
                return self._remake(one, account)
            case Send():
                return self._send(one, step)
            case Accept(account=account):
                return self._accept(one, account)
            case Withdraw(delete=delete, reason=reason):
                if delete:
                    self.directory.delete(delete)
                ended = self._save(invitations.withdraw(one, step, self.now()))
                return ended, [Mailed(one.address, "withdrawn", reason)]
            case _:
                return self._note(one, step), []

    def _note(self, one: Invitation, step: Step) -> Invitation:
        """The steps by which nobody gets anything: what is changed is the record."""
        match step:
            case Unword(account=account):
                with suppress(AccountRefused):  # it is gone, with everything that it carried
                    self.directory.clear_mail_attributes(account)
                return self._save(invitations.unworded(one))
            case Tell(about=about):
                return self._tell(one, about)
            case KeepAccount():
                return self._keep(one, step)
            case Settle():
                return self._save(invitations.settle(one, step, self.now(), self.rules))
            case Fail():
                return self._save(invitations.fail(one, step))
            case _:
                return self._save(invitations.expire(one, self.now()))

    def _save(self, one: Invitation) -> Invitation:
        return self.store.acts.save(one)

    def _change(self, one: Invitation, *others: Record) -> Invitation:
        """Several records in one transaction; the invitation comes back as it is kept."""
        self.store.acts.change(one, *others)
        return replace(one, version=one.version + 1)

    # --- accounts -------------------------------------------------------------------------------------

    def _make(self, one: Invitation) -> tuple[Invitation, list[Mailed]]:
        """An account without a credential; its address is noted as invited before it exists."""
        one = self._save(invitations.begin_making(one))
        self._vouch(one)
        try:
            account = self.directory.create(
                NewAccount(
                    username=one.username or one.address,
                    address=one.address,
                    given_name=one.given_name,
                    family_name=one.family_name,
                    locale=one.locale,
                    attributes=one.attributes,
                    actions=(PROOF,) if self.rules.activation == "action_link" else (),
                )
            )
        except TargetError as error:
            temporary = not isinstance(error, AccountRefused)
            failed = invitations.failed(one, error.message, self.now(), self.rules, temporary=temporary)
            return self._save(failed), [Mailed(one.address, "account", error.message)]
        self._pin(one, account)
        return self._save(invitations.made(one, account)), [Mailed(one.address, "account", "made")]

    def _remake(self, one: Invitation, before: str) -> tuple[Invitation, list[Mailed]]:
        """The account under a new id, which kills earlier links; where it must stay, the report says so."""
        one = self._save(invitations.begin_making(one))
        try:
            account = self.directory.remake(before)
        except AccountRefused as refused:
            if self.directory.state(before) is None:
                return one, []  # it is made anew from what the invitation says
            kept = invitations.kept(one, KeepAccount(before, made=True))
            return self._save(replace(kept, void="")), [Mailed(one.address, "account", refused.message)]
        self._pin(one, account)
        return self._save(invitations.made(one, account)), [Mailed(one.address, "account", "made anew")]

    def _keep(self, one: Invitation, step: KeepAccount) -> Invitation:
        self._pin(one, step.account)
        return self._save(invitations.kept(one, step))

    def _person(self, one: Invitation) -> Person | None:
        return next((person for person in self.store.persons() if person.id == one.person), None)

    def _vouch(self, one: Invitation) -> None:
        person = self._person(one)
        if person is not None:
            vouched = replace(person, invited=person.invited | {one.address})
            self.store.save_persons([vouched], known=[person])

    def _pin(self, one: Invitation, account: str) -> None:
        person = self._person(one)
        if person is not None:
            pinned = replace(person, pins={**person.pins, KEYCLOAK: account})
            self.store.save_persons([pinned], known=[person])

    # --- mails ----------------------------------------------------------------------------------------

    def _send(self, one: Invitation, step: Send) -> tuple[Invitation, list[Mailed]]:
        """Count the mail, commit `sending`, call once; what the call did not say the event log will."""
        earlier = self._earlier(one)
        self.store.acts.note_send(one, self.now())
        one = self._save(invitations.begin_sending(one, step.kind, self.now(), earlier))
        if self.rules.activation == "self_reset":
            return self._inform(one)
        with suppress(AccountRefused):  # a read-only directory's account: the mail then says less
            self.directory.set_mail_attributes(one.account, self._words(one, step))
        seconds = int(step.lifespan.total_seconds()) if step.lifespan else None
        result = self.directory.send_actions(
            one.account, self.letter.actions, seconds, self.letter.client, self.letter.redirect
        )
        if result.outcome is Sent.UNKNOWN:
            return one, [Mailed(one.address, step.kind, "outcome unknown, Keycloak's events decide")]
        if result.outcome is Sent.SENT:
            one = self._save(invitations.sent(one, self.now(), self.rules))
            return one, [Mailed(one.address, step.kind, step.note or "sent")]
        failed = invitations.failed(one, result.reason, self.now(), self.rules, temporary=result.temporary)
        return self._save(failed), [Mailed(one.address, step.kind, result.reason)]

    def _earlier(self, one: Invitation) -> datetime | None:
        """The newest mail that left to the account before this one; none to one that never was mailed.

        A realm that keeps no events has none to mistake for the one to come.
        """
        is_new = one.made_account and not one.attempt
        if is_new or self.rules.activation == "self_reset":
            return None
        with suppress(IncompleteRead):
            return self.directory.mail_event(one.account, (one.asked_at or self.now()) - DAY)
        return None

    def _inform(self, one: Invitation) -> tuple[Invitation, list[Mailed]]:
        """`self_reset`: a notice without a link that expires; the person enters by the forgotten password."""
        notice = self._notice(one, "account.created", one.address, one.locale or self.letter.language)
        told = self._change(invitations.sent(one, self.now(), self.rules), notice)
        return told, [Mailed(one.address, "notice", "sent")]

    def _words(self, one: Invitation, step: Send) -> MailFacts:
        return MailFacts(
            organization=self.letter.unit(one.unit, one.locale),
            role=self.letter.role(one.role, one.locale),
            inviter=self.letter.inviter(one.by),
            expires=self.now() + step.lifespan if step.lifespan else None,
            kind=step.kind,
        )

    def _notice(self, one: Invitation, about: str, to: str, locale: str) -> Notice:
        values = {
            "person": one.address,
            "unit": self.letter.unit(one.unit, locale),
            "role": self.letter.role(one.role, locale),
            "by": self.letter.inviter(one.by),
            "url": self.letter.login,
            "reason": one.reason,
        }
        return Notice(self.new_id("n"), self.mapping, to=to, about=about, locale=locale, values=values)

    def _tell(self, one: Invitation, about: str) -> Invitation:
        """The inviter's notice and the note that it was written, in one transaction."""
        to = self.letter.inviter(one.by)
        notice = self._notice(one, f"invitation.{about}", to, self.letter.language)
        return self._change(invitations.told(one, about), notice)

    def _accept(self, one: Invitation, account: str) -> tuple[Invitation, list[Mailed]]:
        """What waited for the acceptance is given: the entry date is now."""
        accepted = invitations.accept(one, account, self.now())
        given = [
            replace(grant, waits="", since=self.now()) for grant in self.grants() if grant.waits == one.id
        ]
        accepted = self._change(accepted, *given)
        self._pin(one, account)
        return accepted, [Mailed(one.address, "invitation", "accepted")]
