"""Inviting, in a process that dies at any call it makes: to the store on disk, or to Keycloak.

A `Story` is one invitation from being asked to being accepted. Its runs are made of new objects over the
same file, as new processes are. Calls are counted over all of them, so that a `Point` names one moment of
the whole story, and several points are several crashes.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from syncd.acts import Grant, Invitation, InvitationState, Notice, Source
from syncd.identity import Person
from syncd.invitations import Invitee, Rules, asked, request_resend
from syncd.inviting import Inviter, Letter
from syncd.store import open_store
from tests.live.directory.invitee import Invitee as Browser
from tests.live.directory.world import ALL, World, link_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from syncd.store import Store
    from syncd.targets.directory import Directory

KEY = b"a key for the seals of this test"
MAPPING = "acme"
UNIT = "/acme/platform"
ADMINISTRATOR = "operator:ann"
MOST_RUNS = 20
PATIENCE = timedelta(
    minutes=2, seconds=30
)  # more than the settle window, and than the first delay of a retry
SILENT = (InvitationState.SENT, InvitationState.ACCEPTED)
LETTER = Letter(
    unit=lambda unit, _language: unit.rpartition("/")[2],
    role=lambda role, _language: role,
    inviter=lambda by: by.rpartition(":")[2],
    actions=ALL,
)
RULES = Rules(valid_for=timedelta(days=10), notify=frozenset({"accepted"}))


class Crash(BaseException):
    """The end of the process: nothing in the product may catch it."""


class Point(NamedTuple):
    """Before or after the N-th call of a story."""

    call: int
    moment: str


class Calls:
    """Counts the calls, and ends the process at the fatal ones."""

    def __init__(self, fatal: Collection[Point] = ()) -> None:
        self._fatal = frozenset(fatal)
        self.made: list[str] = []

    def through(self, thing: Any, **replaced: Any) -> Any:
        """The same thing, with every call to it counted."""
        return _Counted(self, thing, replaced)

    def make(self, name: str, method: Callable[..., Any], *args: Any, **how: Any) -> Any:
        self.made.append(name)
        number = len(self.made)
        if Point(number, "before") in self._fatal:
            raise Crash(f"before {name}, call {number}")
        answer = method(*args, **how)
        if Point(number, "after") in self._fatal:
            raise Crash(f"after {name}, call {number}")
        return answer


class _Counted:
    def __init__(self, calls: Calls, thing: Any, replaced: dict[str, Any]) -> None:
        self._calls, self._thing, self._replaced = calls, thing, replaced

    def __getattr__(self, name: str) -> Any:
        if name in self._replaced:
            return self._replaced[name]
        method = getattr(self._thing, name)

        def counted(*args: Any, **how: Any) -> Any:
            return self._calls.make(name, method, *args, **how)

        return counted


class Clock:
    """A time that can be made to pass; Keycloak's own record of times is told in it too."""

    def __init__(self) -> None:
        self._passed: list[tuple[datetime, timedelta]] = []  # from when on the clock is how far ahead

    def now(self) -> datetime:
        return self.of(datetime.now(UTC))

    def of(self, real: datetime) -> datetime:
        """What this clock showed at a real time."""
        return real + sum((span for since, span in self._passed if since <= real), timedelta())

    def back(self, shown: datetime) -> datetime:
        """A real time before which the clock showed less."""
        return shown - sum((span for _, span in self._passed), timedelta())

    def wait(self, span: timedelta) -> None:
        self._passed.append((datetime.now(UTC), span))


class Elsewhen:
    """A directory whose events are told in the time of the story's clock."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory, self._clock = directory, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._directory, name)

    def mail_event(self, native: str, since: datetime) -> datetime | None:
        left = self._directory.mail_event(native, self._clock.back(since))
        if left is None or self._clock.of(left) < since:
            return None
        return self._clock.of(left)


def empty_store(folder: Path) -> Path:
    """The file of a store that has nothing in it."""
    file = folder / "empty.db"
    with open_store(f"sqlite:///{file}", KEY) as store:
        store.upgrade()
    return file


def ask(store: Store, invitee: Invitee, now: datetime) -> Invitation:
    """The act of inviting: an invitation, and the membership that waits for it."""
    number = secrets.token_hex(4)
    made = asked(f"i_{number}", MAPPING, invitee, ADMINISTRATOR, now)
    waiting = Grant(
        f"g_{number}",
        MAPPING,
        unit=invitee.unit,
        role=invitee.role,
        person=invitee.person,
        who=invitee.address,
        source=Source.INVITATION,
        by=ADMINISTRATOR,
        waits=made.id,
    )
    store.acts.change(made, waiting)
    return made


@dataclass
class Story:
    """One invitation: by a file (`declared`), or by somebody with a membership that waits for it."""

    world: World
    file: Path
    declared: bool
    calls: Calls = field(default_factory=Calls)
    clock: Clock = field(default_factory=Clock)
    rules: Rules = RULES
    directory: Directory | None = None
    on_crash: Callable[[], object] = lambda: None
    address: str = field(default_factory=lambda: f"p{secrets.token_hex(5)}@acme.example")
    person: str = field(default_factory=lambda: f"p_{secrets.token_hex(8)}")
    crashes: list[str] = field(default_factory=list)

    @classmethod
    def begun(
        cls, world: World, empty: Path, declared: bool, fatal: Collection[Point] = (), **more: Any
    ) -> Story:
        """A story with a store of its own, a copy of the `empty` one, in which the person is known."""
        file = empty.with_name(f"{secrets.token_hex(5)}.db")
        shutil.copyfile(empty, file)
        story = cls(world, file, declared, Calls(fatal), **more)
        with story.store() as store:
            store.save_persons([Person(story.person, addresses=frozenset({story.address}))])
            if not declared:
                ask(store, story.invitee, story.clock.now())
        return story

    def store(self) -> Store:
        return open_store(f"sqlite:///{self.file}", KEY)

    @property
    def invitee(self) -> Invitee:
        return Invitee(self.person, self.address, UNIT, "member", "en", "Nia", "Novak")

    def ask_more(self, count: int) -> list[str]:
        """Invite more people at the same time; their addresses."""
        found = [f"p{secrets.token_hex(5)}@acme.example" for _ in range(count)]
        with self.store() as store:
            for address in found:
                invitee = replace(self.invitee, person=f"p_{secrets.token_hex(8)}", address=address)
                store.save_persons([Person(invitee.person, addresses=frozenset({address}))])
                ask(store, invitee, self.clock.now())
        return found

    def until_accepted(self) -> Story:
        """Runs until nothing more happens; the person follows the link; runs until nothing more happens."""
        self.until_silent()
        page = Browser().accept(link_of(self.mails[-1]), password="a long password")
        assert page.done, page
        self.until_silent()
        return self

    def until_mailed_again(self) -> int:
        """Runs up to a second mail, the reminder or one that was asked for; how many calls came before it."""
        self.until_silent()
        before = len(self.calls.made)
        if self.rules.reminders:
            self.clock.wait(timedelta(days=9, hours=1))
        else:
            self.clock.wait(timedelta(hours=1))
            self.ask_for_another()
        self.until_silent()
        return before

    def ask_for_another(self) -> None:
        """The act of sending again."""
        (one,) = self.invitations()
        again = request_resend(one, self.clock.now(), self.rules)
        assert isinstance(again, Invitation), again
        with self.store() as store:
            store.acts.save(again)

    def until_silent(self) -> None:
        """Runs, with time passing where one waits, until two have changed nothing."""
        silent = 0
        for _ in range(MOST_RUNS):
            before, crashes = self.records(), len(self.crashes)
            self.run()
            if len(self.crashes) > crashes or self.records() != before:
                silent = 0
                continue
            silent += 1
            if silent > 1 and all(one.state in SILENT for one in self.invitations()):
                return
            self.clock.wait(PATIENCE)
        raise AssertionError(f"not silent after {MOST_RUNS} runs: {self.records()}, {self.crashes}")

    def run(self) -> None:
        """One run, in a process of its own that may die."""
        with self.store() as store:
            inviter = self._inviter(store)
            try:
                inviter.settle()
                if self.declared and not self._is_accepted():
                    inviter.declare([self.invitee])
                units = frozenset(one.unit for one in self.invitations())
                inviter.advance(frozenset({self.person} if self.declared else ()), units)
            except Crash as crash:
                self.crashes.append(str(crash))
                self.on_crash()

    def _is_accepted(self) -> bool:
        """Whether the run's read would show the account as the person's, who is then no invitee any more."""
        return any(one.state is InvitationState.ACCEPTED for one in self.invitations())

    def _inviter(self, store: Store) -> Inviter:
        directory = Elsewhen(self.directory or self.world.directory, self.clock)
        counted = self.calls.through(directory)
        return Inviter(
            mapping=MAPPING,
            store=cast("Store", self.calls.through(store, acts=self.calls.through(store.acts))),
            connect=lambda: counted,
            rules=self.rules,
            letter=LETTER,
            now=self.clock.now,
            new_id=lambda kind: f"{kind}_{secrets.token_hex(6)}",
        )

    # --- what came of it ------------------------------------------------------------------------------

    @property
    def mails(self) -> list[dict[str, Any]]:
        return self.world.mails(self.address)

    def invitations(self) -> list[Invitation]:
        with self.store() as store:
            return store.acts.all(Invitation, MAPPING)

    def records(self) -> list[Any]:
        """Everything that acts and runs keep of it."""
        with self.store() as store:
            kinds = ("invitation", "grant", "notice")
            return [*(one for kind in kinds for one in store.acts.all(kind, MAPPING)), *store.persons()]

    def accounts(self) -> list[str]:
        """The ids of the accounts with the address or the name."""
        admin = self.world.admin
        found = [*admin.get("users", email=self.address), *admin.get("users", username=self.address)]
        return sorted({account["id"] for account in found})

    def check(self) -> None:
        """One invitation, accepted; one account, the person's; one membership, given once."""
        (one,) = self.invitations()
        assert (one.state, one.made_account) == (InvitationState.ACCEPTED, True), self.crashes
        assert self.accounts() == [one.account], self.crashes
        account = self.world.directory.state(one.account)
        assert account is not None
        assert not [name for name in account.attributes if name.startswith("syncd.mail.")], self.crashes
        with self.store() as store:
            (person,) = store.persons()
            grants = store.acts.all(Grant, MAPPING)
            given = [row for row in store.audit() if row.event == "grant.given"]
            notices = store.acts.all(Notice, MAPPING)
        assert person.pins == {"keycloak": one.account}, self.crashes
        if self.declared:
            assert (grants, given, notices) == ([], [], [])
            return
        (grant,) = grants
        assert (grant.waits, grant.since is not None, len(given)) == ("", True, 1), self.crashes
        assert [notice.about for notice in notices] == ["invitation.accepted"], self.crashes
