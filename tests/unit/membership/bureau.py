"""A mapping with its office: a real store, accounts in a fake directory, a clock that a test turns."""

from __future__ import annotations

import itertools
import tempfile
from contextlib import chdir
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from syncd import identity
from syncd.acts import Grant, Invitation, InvitationState, Join, Link, Notice, Redemption, Transfer
from syncd.app.office import office_of
from syncd.invitations import Rules
from syncd.mapping.compile import compile_mapping
from syncd.mapping.read import load
from syncd.mapping.schema import Policy
from syncd.model import Account
from syncd.targets.directory import AccountState

if TYPE_CHECKING:
    from syncd.mapping.compiled import Compiled
    from syncd.membership import Office
    from syncd.store import Store

MODEL = """syncd: 1
kinds:
  firm: {}
  desk: {within: firm, states: [open, closed]}
roles:
  guest: {scope: firm}
  staff: {scope: firm, seat: paid}
  boss: {scope: firm, inherits: [staff], seat: paid}
  owner: {scope: firm, inherits: [boss], seat: paid, assigned_by: transfer, cardinality: {min: 1, max: 1}}
  clerk: {scope: desk}
constraints:
  - {exclusive: [guest, staff, boss, owner], per: firm}
administration:
  - {by: boss, may: [invite, resend, cancel, add, remove], target: [guest, staff, boss]}
  - {by: boss, may: [change], from: [guest, staff], to: [staff, guest]}
  - {by: boss, may: [add, approve, refuse], target: [clerk], scope: below}
  - {by: boss, may: [disable, enable, edit, delete], target: [guest, staff], if: {authority: local}}
  - {by: owner, may: [transfer], target: [staff, boss]}
change_states: [pending, active]
invitations:
  default_role: staff
  channels:
    email: {valid_for: P7D, batch: true}
    link: {valid_for: P7D, max_uses: 2, domains: [acme.example]}
  seats: {paid: 6}
  over_quota: {downgrade_to: guest}
  resend: {when: [expired]}
joining: {approvers: boss, role: chosen_by_approver, lapse: P2D}
removal: {what: account, requires_state: disabled, data: {shared: {to: actor, or_chosen: staff}}}
transfer: {role: owner, confirm_by: current_owner, valid_for: P7D, former_becomes: boss}
policy: {admins_min: 1}
firms:
  acme:
    title: Acme
    members: {owner: [{person: fay@acme.example, initial: true}], boss: [bo@acme.example]}
    desks:
      front: {}
      old: {state: closed}
  rival: {}
"""
UNIT, DESK, OLD = ("acme",), ("acme", "front"), ("acme", "old")
FAY, BO, SUE, SAM = (f"{name}@acme.example" for name in ("fay", "bo", "sue", "sam"))
BEGIN = datetime(2026, 11, 24, 9, tzinfo=UTC)
EVERY = (Grant, Invitation, Link, Redemption, Join, Transfer, Notice)


@dataclass
class Accounts:
    """A directory in memory; `calls` are what was asked of it."""

    of: dict[str, AccountState] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    profiles: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def put(self, address: str, *, verified: bool = True, federated: bool = False) -> None:
        native = f"id-{address}"
        self.of[native] = AccountState(
            native, address, address, verified, enabled=True, credential=True, federated=federated
        )

    def find(self, address: str) -> str | None:
        return next((native for native, one in self.of.items() if one.address == address), None)

    def state(self, native: str) -> AccountState | None:
        return self.of.get(native)

    def set_profile(self, native: str, profile: dict[str, tuple[str, ...]]) -> None:
        self.calls.append(("set_profile", native))
        self.profiles[native] = profile

    def disable(self, native: str) -> None:
        self.calls.append(("disable", native))
        self.of[native] = replace(self.of[native], enabled=False)

    def enable(self, native: str) -> None:
        self.calls.append(("enable", native))
        self.of[native] = replace(self.of[native], enabled=True)

    def end_sessions(self, native: str) -> None:
        self.calls.append(("end_sessions", native))

    def delete(self, native: str) -> None:
        self.calls.append(("delete", native))
        del self.of[native]


@dataclass
class Bureau:
    """Everything that an office needs; each call of `office` sees what the acts before it left."""

    store: Store
    text: str = MODEL
    accounts: Accounts = field(default_factory=Accounts)
    now: datetime = BEGIN
    unread: dict[str, str] = field(default_factory=dict)
    count: itertools.count = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for address in (FAY, BO):
            self.accounts.put(address)

    def office(self, who: str = "") -> Office:
        """The office on behalf of a person, or of an operator."""
        compiled, places = self.compiled()
        seen = [
            Account(
                "keycloak",
                one.native,
                one.username,
                one.address,
                one.verified,
                one.enabled,
                "ldap" if one.federated else "local",
            )
            for one in self.accounts.of.values()
        ]
        people = identity.resolve(
            compiled.people,
            {} if "keycloak" in self.unread else {"keycloak": seen},
            self.store.persons(),
            lambda: self.new_id("p"),
        )
        self.store.save_persons(people.changed)
        job = SimpleNamespace(
            mapping="acme",
            files=SimpleNamespace(compiled=compiled, places=places),
            store=self.store,
            now=lambda: self.now,
            locked=frozenset(),
        )
        policies = SimpleNamespace(wanted=Policy(admins_min=1))
        plan = SimpleNamespace(failed=self.unread)
        prepared = SimpleNamespace(people=people, policies=policies, plan=plan)
        inviter = SimpleNamespace(rules=Rules(valid_for=timedelta(days=7)), connect=lambda: self.accounts)
        office = office_of(job, prepared, inviter, who, "test")
        return replace(office, now=lambda: self.now, new_id=self.new_id)

    def compiled(self) -> tuple[Compiled, object]:
        """The mapping with what acts gave; raises where that does not hold."""
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            Path("acme.yaml").write_text(self.text, encoding="utf-8")
            loaded = load("acme.yaml", name="acme")
        acts = self.store.acts.all(Grant, "acme")
        return compile_mapping(loaded, {}, self.now.date(), acts=acts), loaded.places

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self.count):016x}"

    def hire(self, address: str, role: str = "staff") -> None:
        """Somebody who has an account holds a role by an act."""
        self.accounts.put(address)
        assert self.office().invite(UNIT, [asked(address, role)])[0].allowed
        for one in self.store.acts.all(Invitation, "acme"):
            if one.state is InvitationState.REQUESTED:
                waiting = [g for g in self.store.acts.all(Grant, "acme") if g.waits == one.id]
                given = [replace(grant, waits="", since=self.now) for grant in waiting]
                self.store.acts.change(
                    replace(one, state=InvitationState.ACCEPTED, ended_at=self.now), *given
                )

    def held(self) -> set[tuple[str, str, bool]]:
        """(who, role, waits) of everything that is held."""
        return {(one.who, one.role, bool(one.waits)) for one in self.compiled()[0].assignments}

    def records(self) -> list[object]:
        """Every record, to see that a refusal writes none."""
        return [record for kind in EVERY for record in self.store.acts.all(kind, "acme")]

    def notices(self, about: str) -> list[Notice]:
        return [one for one in self.store.acts.all(Notice, "acme") if one.about == about]


def asked(address: str, role: str = "") -> object:
    from syncd.membership_words import Asked  # noqa: PLC0415 - shorter tests

    return Asked(address, role)
