"""A small Keycloak with mailbox and event log, a store of one record, a shell that crashes on command.

The shell does each step exactly as the step's own words say. Every commit and every call outside is a
tick; `crash_at` ends the program at a tick, before or after its effect. The clock of Keycloak is off by
`offset`. What must never happen is checked where it would happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from syncd import invitations
from syncd.acts import Invitation, InvitationState
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
    Step,
    Tell,
    Unword,
    Withdraw,
)
from tests.unit.invitations.build import ADDRESS, NOW

S = InvitationState
MOST_STEPS = 12


class Crash(Exception):
    """The program ends here."""


class Answer(StrEnum):
    """What becomes of one call that mails."""

    OK = "ok"
    REFUSED = "refused"  # 500 at once: no mail, no event
    LOST = "lost"  # mail and event, but no answer arrives
    WINDOW = "window"  # Keycloak dies between the mail and its commit: mail, no event, no answer
    UNHEARD = "unheard"  # the call never arrives, and no answer either


@dataclass
class Account:
    """One account; `syncd` says who made it."""

    id: str
    syncd: bool
    pending: bool
    address: str = ADDRESS
    credential: bool = False
    linked: bool = False
    enabled: bool = True
    edge: bool = False
    words: str = ""  # what the next mail would say

    @property
    def foreign(self) -> bool:
        """Whether anything hangs on it that syncd did not give."""
        return self.credential or self.linked or self.edge


@dataclass(frozen=True)
class Mail:
    """One mail in the box of the invitee."""

    at: datetime
    account: str
    kind: str
    dies: datetime | None


@dataclass
class World:
    """Everything outside the pure module."""

    rules: Rules
    record: Invitation
    offset: timedelta = timedelta()
    now: datetime = NOW
    account: Account | None = None
    wanted: bool = True
    mails: list[Mail] = field(default_factory=list)
    events: list[tuple[datetime, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    crash_at: int | None = None
    ticks: int = 0
    windows: int = 0
    made: int = 0
    refusals: int = 0  # how often Keycloak still refuses to make an account
    requested: datetime = NOW
    notices: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    since_request: int = 0  # mails that are no reminders, since the last request
    windows_since_request: int = 0
    reminders_since_request: int = 0
    gone_by_hand: bool = False

    def run(self) -> None:
        """One run of the shell: steps until there is nothing to do, or the crash that was ordered."""
        for _ in range(MOST_STEPS):
            step = self._next()
            self.steps.append(step)
            if isinstance(step, Nothing):
                return
            before = self.record
            _DO[type(step)](self, step)
            assert self.record != before, f"{step} changed nothing"
        raise AssertionError(f"no end after {self.steps[-MOST_STEPS:]}")

    def run_into(self, crash_at: int | None) -> bool:
        """One run that ends at a tick, if there are that many; whether it did."""
        self.crash_at, self.ticks = crash_at, 0
        try:
            self.run()
        except Crash:
            return True
        finally:
            self.crash_at = None
        return False

    def _next(self) -> Step:
        if not invitations.concerns(self.record, self.rules):
            return Nothing("of no concern")
        return invitations.next_step(
            self.record, self._look(), self.wanted, self.now, self.rules, Budget(sent_today=0)
        )

    def _look(self) -> Seen:
        account = self.account
        if account is None:
            return Seen()
        event = None
        if self.record.state is S.SENDING:
            since = invitations.evidence_since(self.record, self.rules)
            found = [at for at, of in self.events if of == account.id and at >= since]
            event = max(found, default=None)
        return Seen(
            account.id,
            enabled=account.enabled,
            pending_action=account.pending,
            credential=account.credential,
            linked=account.linked,
            address=account.address,
            foreign=account.foreign,
            mail_event=event,
        )

    def _tick(self) -> None:
        self.ticks += 1
        if self.ticks == self.crash_at:
            raise Crash

    def _commit(self, record: Invitation) -> None:
        self._tick()
        assert self.record.state is not S.ACCEPTED or record.state is S.ACCEPTED
        self.record = record
        self._tick()

    def _make(self) -> None:
        self._tick()
        assert self.account is None, "a second account was made"
        if self.refusals:
            self.refusals -= 1
            self._commit(
                invitations.failed(self.record, "Keycloak is down", self.now, self.rules, temporary=True)
            )
            return
        self.made += 1
        pending = self.rules.activation != "idp"
        self.account = Account(f"a{self.made}", syncd=True, pending=pending)
        self._tick()
        self._commit(invitations.made(self.record, self.account.id))

    def _delete(self, id_: str) -> None:
        self._tick()
        account = self.account
        assert account is not None
        assert account.id == id_
        assert account.syncd, "an account that syncd did not make was deleted"
        assert not account.foreign, "an account that is in use was deleted"
        self.account = None
        self._tick()

    def _make_account(self, _step: MakeAccount) -> None:
        self._commit(invitations.begin_making(self.record))
        self._make()

    def _remake_account(self, step: RemakeAccount) -> None:
        self._commit(invitations.begin_making(self.record))
        self._delete(step.account)
        self._make()

    def _keep_account(self, step: KeepAccount) -> None:
        assert self.account
        assert not step.made or self.account.syncd, "a stranger's account was taken for ours"
        self._commit(invitations.kept(self.record, step))

    def _send(self, step: Send) -> None:
        assert self.account
        earlier = max((at for at, of in self.events if of == self.account.id), default=None)
        self._commit(invitations.begin_sending(self.record, step.kind, self.now, earlier))
        self.account.words = step.kind
        answer = self.answers.pop(0) if self.answers else Answer.OK
        if answer is Answer.UNHEARD:
            return
        self._tick()
        if answer is Answer.REFUSED:
            refused = invitations.failed(
                self.record, "mail server down", self.now, self.rules, temporary=True
            )
            self._commit(refused)
            return
        self._mail(step)
        if answer is Answer.WINDOW:
            self.windows += 1
            self.windows_since_request += 1
            return
        assert self.account
        self.events.append((self.now + self.offset, self.account.id))
        self._tick()
        if answer is Answer.OK:
            self._commit(invitations.sent(self.record, self.now, self.rules))

    def _mail(self, step: Send) -> None:
        assert self.wanted, "a mail left that nobody wants"
        assert self.record.state is S.SENDING, "a mail left before it was committed"
        assert self.account
        assert self.account.enabled, "a mail left to a disabled account"
        assert self.account.id == self.record.account, "a mail left to an account that is not recorded"
        dies = None if step.lifespan is None else self.now + step.lifespan
        self.mails.append(Mail(self.now, self.account.id, step.kind, dies))
        assert len(self.mails) <= self.record.attempt, "more mails than attempts"
        if step.kind == "reminder":
            self.reminders_since_request += 1
            most = len(self.rules.reminders) + self.windows_since_request
            assert self.reminders_since_request <= most, "a reminder left twice"
            return
        self._check_that_earlier_links_died(step)
        self.since_request += 1
        assert self.since_request <= 1 + self.windows_since_request, "a mail left twice"

    def _check_that_earlier_links_died(self, step: Send) -> None:
        account = self.account
        assert account
        if step.kind == "resend" and self.rules.voids_previous and self.record.made_account:
            older = [mail for mail in self.mails if mail.account == account.id and mail.at < self.requested]
            assert account.foreign or not older, "a resend left earlier links alive"

    def _settle(self, step: Settle) -> None:
        self._commit(invitations.settle(self.record, step, self.now, self.rules))

    def _accept(self, step: Accept) -> None:
        account = self.account
        assert account
        assert account.id == step.account
        if self.rules.activation == "action_link":
            assert not account.pending, "accepted without the action"
        else:
            assert account.linked or account.credential, "accepted without a credential"
        if self.record.state is S.EXPIRED and not self.record.declared:
            assert self.record.expires_at
            assert self.now < self.record.expires_at + timedelta(minutes=30), "accepted too late"
        self._commit(invitations.accept(self.record, step.account, self.now))

    def _expire(self, _step: Expire) -> None:
        assert self.record.expires_at
        assert self.record.expires_at <= self.now
        self._commit(invitations.expire(self.record, self.now))

    def _withdraw(self, step: Withdraw) -> None:
        if step.delete:
            self._delete(step.delete)
        self._commit(invitations.withdraw(self.record, step, self.now))

    def _unword(self, step: Unword) -> None:
        self._tick()
        if self.account and self.account.id == step.account:
            self.account.words = ""
        self._commit(invitations.unworded(self.record))

    def _fail(self, step: Fail) -> None:
        assert self.gone_by_hand, f"nothing happened that explains: {step.reason}"
        self._commit(invitations.fail(self.record, step))

    def _tell(self, step: Tell) -> None:
        self._tick()
        self.notices.append(step.about)
        self.record = invitations.told(self.record, step.about)
        self._tick()

    def resend(self) -> bool:
        """An operator asks for another mail; whether that was granted."""
        after = invitations.request_resend(self.record, self.now, self.rules)
        if isinstance(after, str):
            return False
        self.record = after
        self.requested = self.now
        self.since_request = self.windows_since_request = self.reminders_since_request = 0
        return True

    def end(self, change: Callable[[Invitation, datetime], Invitation | str]) -> bool:
        """An act ends the invitation in the store alone; whether it could."""
        after = change(self.record, self.now)
        if isinstance(after, str):
            return False
        self.record = after
        return True

    def live_links(self) -> list[Mail]:
        """Mails whose link Keycloak would still take."""
        if self.account is None or not self.account.enabled:
            return []
        return [
            mail
            for mail in self.mails
            if mail.account == self.account.id and (mail.dies is None or mail.dies > self.now)
        ]

    def follow(self) -> None:
        """The invitee follows a link that works, to the end."""
        if self.account and self.live_links():
            self.account.pending = False
            self.account.credential = True
            self.account.linked = self.rules.activation == "idp"

    def heal(self) -> None:
        """No more faults: time goes by until nothing is left to do."""
        self.answers.clear()
        self.refusals = 0
        self.go_on()

    def go_on(self) -> None:
        """Runs as time goes by, with the faults still to come, until only the invitee is waited for."""
        for _ in range(60):
            self.run()
            until = self.steps[-1].until if isinstance(self.steps[-1], Nothing) else None
            waits = self.record.state in {S.SENDING, S.FAILED} or self.record.retry_at is not None
            if until is None or not waits:
                break
            self.now = until
        self.run()
        self.is_silent()

    def is_silent(self) -> None:
        """A run now does nothing."""
        before = replace(self.record), len(self.mails), len(self.notices)
        self.run()
        assert (self.record, len(self.mails), len(self.notices)) == before


_DO: dict[type[Step], Callable[..., None]] = {
    MakeAccount: World._make_account,
    RemakeAccount: World._remake_account,
    KeepAccount: World._keep_account,
    Send: World._send,
    Settle: World._settle,
    Accept: World._accept,
    Expire: World._expire,
    Withdraw: World._withdraw,
    Fail: World._fail,
    Tell: World._tell,
    Unword: World._unword,
}
