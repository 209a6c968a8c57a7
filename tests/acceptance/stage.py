"""A stage for acts: somebody who acts for each role, and for each cell somebody it is tried on.

Which cells there are, and to whom each is allowed, is listed by hand in `tests/unit/administration/cells`.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from syncd.acts import Grant, Invitation, InvitationState
from syncd.app import App
from syncd.identity import Person
from syncd.membership_joins import approve, refuse, request
from syncd.membership_transfer import start
from syncd.membership_words import Asked, Verdict
from tests.unit.administration.test_matrices import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syncd.membership import Office
    from tests.acceptance.product import Product

NEEDS_TYPE = "room_admin"  # whoever has a role in a room of DocSpace has an account type in the space
UNKNOWN = frozenset({"invite", "create"})
INVITED = frozenset({"resend", "cancel"})
ASKING = frozenset({"approve", "refuse"})
HOLDING = frozenset({"change", "remove", "disable", "enable", "edit", "delete", "transfer"})
DISABLED = frozenset({"enable", "delete"})


class Cell(NamedTuple):
    """An act on somebody who holds a role, or is to get it; `to` is the new role of a change."""

    verb: str
    role: str
    to: str


class Attempt(NamedTuple):
    """Somebody of a role tries a cell on a person."""

    caller: str
    cell: Cell
    who: str


@dataclass(frozen=True)
class Caller:
    """Who acts, and every role that counts; `shipped` is somebody whom the mapping names."""

    roles: frozenset[str]
    shipped: str = ""


@dataclass
class Stage:
    """One product, where each role is held in it (`""`: all others), and who acts."""

    product: Product
    where: Mapping[str, str]
    callers: Mapping[str, Caller]
    cells: Iterable[Cell]
    allowed: list[Attempt] = field(default_factory=list)
    refused: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        may = listed(self.product.name)
        for cell in sorted(self.cells):
            free = [
                who for who, one in self.callers.items() if any((role, *cell) in may for role in one.roles)
            ]
            assert free, f"{cell} is allowed to nobody"
            number = secrets.token_hex(3)
            mine = {who: f"{cell.verb}.{number}.{place}@stage.example" for place, who in enumerate(free)}
            self.allowed += [Attempt(who, cell, mine[who]) for who in free]
            self.refused += [Attempt(who, cell, mine[free[0]]) for who in self.callers if who not in free]

    def unit(self, role: str) -> str:
        return self.where.get(role, self.where[""])

    def address(self, caller: str) -> str:
        return self.callers[caller].shipped or f"{caller.replace('/', '-')}@actors.example"

    # --- before ---------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Give everybody the account, the roles, the invitation or the wish that the cells ask for."""
        roles = dict(self._roles())
        people = [{"username": who, "email": who, "firstName": "Given", "lastName": "Family",
                   "enabled": True, "emailVerified": True} for who in roles]  # fmt: skip
        self.product.admin("POST", "partialImport", {"ifResourceExists": "FAIL", "users": people})
        users = self.product.users()
        with contextlib.closing(App.open(self.product.config)) as app:
            self._act(app, "", lambda office: self._given(office, roles, users))
            self._act(app, "", self._invited)
            self._act(app, "", self._disabled)

    def _roles(self) -> Iterable[tuple[str, frozenset[str]]]:
        """Who has an account, and what they hold."""
        for name, caller in self.callers.items():
            if not caller.shipped:
                yield self.address(name), caller.roles
        for _, cell, who in self.allowed:
            held = {cell.role} if cell.verb in HOLDING else set()
            if cell.role.startswith("room/") and cell.verb not in UNKNOWN | INVITED:
                held.add(NEEDS_TYPE)
            if cell.verb not in UNKNOWN | INVITED:
                yield who, frozenset(held)

    def _given(
        self, office: Office, roles: Mapping[str, frozenset[str]], users: Mapping[str, Any]
    ) -> list[Verdict]:
        for who, held in roles.items():
            person = Person(office.new_id("p"), {"keycloak": users[who]["id"]}, addresses=frozenset({who}))
            office.store.save_persons([person])
            if who.startswith("edit."):
                office.store.acts.add(self._accepted(office, person, who))
            for role in held:
                unit = office.compiled.units[office.unit(self.unit(role))].uid
                grant = Grant(
                    office.new_id("g"), office.mapping, unit=unit, role=role, person=person.id, who=who,
                    by=office.by, since=office.now(),
                )  # fmt: skip
                office.store.acts.add(grant)
        return [Verdict("everybody", True, "")]

    @staticmethod
    def _accepted(office: Office, person: Person, who: str) -> Invitation:
        """Whoever has accepted one has an account that syncd made, and only those are edited."""
        return Invitation(
            office.new_id("i"), office.mapping, person=person.id, address=who, state=InvitationState.ACCEPTED,
            account=person.pins["keycloak"], made_account=True,
        )  # fmt: skip

    def _invited(self, office: Office) -> list[Verdict]:
        """Invitations and requests that are open."""
        done = [Verdict("nobody", True, "")]
        for _, cell, who in self.allowed:
            unit = office.unit(self.unit(cell.role))
            if cell.verb in INVITED:
                done += office.invite(unit, [Asked(who, cell.role, "Given", "Family")])
            elif cell.verb in UNKNOWN and cell.role in ("room/power_user", "room/admin"):
                done += office.invite(office.unit(self.unit("")), [Asked(who, NEEDS_TYPE, "Given", "Family")])
            elif cell.verb in ASKING:
                done.append(request(office, unit, who))
        return done

    def _disabled(self, office: Office) -> list[Verdict]:
        """Who is to be let in again or deleted; what is to be sent again expires, as some mappings ask."""
        for one in office.store.acts.all(Invitation, office.mapping):
            if one.address.startswith("resend."):
                office.store.acts.save(replace(one, expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        return [
            Verdict("nobody", True, ""),
            *(office.disable(who) for _, cell, who in self.allowed if cell.verb in DISABLED),
        ]

    # --- the acts -------------------------------------------------------------------------------------

    def attempt(self, attempts: Sequence[Attempt]) -> dict[Attempt, Verdict]:
        """What becomes of each, tried by its caller; a run follows where anything was allowed."""
        found: dict[Attempt, Verdict] = {}
        with contextlib.closing(App.open(self.product.config)) as app:
            for caller in self.callers:
                mine = [one for one in attempts if one.caller == caller]
                if mine:
                    verdicts = self._act(app, self.address(caller), partial(self._all_tried, mine))
                    found.update(zip(mine, verdicts, strict=True))
        return found

    def _all_tried(self, attempts: Sequence[Attempt], office: Office) -> list[Verdict]:
        return [self._tried(office, one) for one in attempts]

    def _tried(self, office: Office, attempt: Attempt) -> Verdict:
        verb, role, to = attempt.cell
        unit, who = office.unit(self.unit(role)), attempt.who
        acts: Mapping[str, Callable[[], Verdict]] = {
            "invite": lambda: office.invite(unit, [Asked(who, role, "Given", "Family")])[0],
            "create": lambda: office.invite(unit, [Asked(who, role, "Given", "Family")])[0],
            "resend": lambda: office.resend(who),
            "cancel": lambda: office.cancel(who),
            "add": lambda: office.add(who, unit, role),
            "change": lambda: office.change(who, unit, to, role),
            "remove": lambda: office.remove(who, unit, role),
            "disable": lambda: office.disable(who),
            "enable": lambda: office.enable(who),
            "edit": lambda: office.edit(who, {"given_name": ("Other",)}),
            "delete": lambda: office.delete(who),
            "approve": lambda: approve(office, unit, who, role),
            "refuse": lambda: refuse(office, unit, who),
            "transfer": lambda: start(office, unit, who),
        }
        return acts[verb]()

    def _act(self, app: App, who: str, do: Callable[[Office], list[Verdict]]) -> Sequence[Verdict]:
        verdicts, report = app.act(self.product.name, who, "tests", do)
        assert report is None or report.exit_code == 0, report
        return verdicts
