"""What syncd remembers: persons, what is ours, what people did, runs, plans, decisions, rosters, audit.

One database, SQLite or PostgreSQL, behind one `Store`; each part below knows its own tables, and
`tests/contract/store` holds both databases to the same behaviour.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Self

from syncd.store import grants, migrate
from syncd.store.act_erasure import ActErasure
from syncd.store.acts import Acts
from syncd.store.audit import Audit, AuditHead, AuditRow, BrokenRow
from syncd.store.database import Database
from syncd.store.decisions import Decisions
from syncd.store.erasure import Erasure
from syncd.store.integrity import IntegrityProblem, Seal, broken_rows
from syncd.store.leases import Lease, Leases, LeaseState
from syncd.store.ledger import Ledger
from syncd.store.numbers import Numbers
from syncd.store.person_attrs import PersonAttrs
from syncd.store.persons import Persons
from syncd.store.plans import Approval, Plans, StoredPlan
from syncd.store.readings import Readings
from syncd.store.reasons import Reasons
from syncd.store.renames import Renames
from syncd.store.runs import Runs, StoredRun
from syncd.store.sources import Sources, StoredSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from syncd.acts import Call

__all__ = [
    "Approval",
    "AuditHead",
    "AuditRow",
    "BrokenRow",
    "IntegrityProblem",
    "Lease",
    "LeaseState",
    "Store",
    "StoredPlan",
    "StoredRun",
    "StoredSource",
    "open_store",
]


def open_store(url: str, integrity_key: bytes, clock: Callable[[], datetime] | None = None) -> Store:
    """A store at `sqlite:///path` or `postgresql://…`; neither connects nor migrates.

    `integrity_key` has at least 32 bytes. `clock` gives an aware time and is for tests.
    Raises StoreError for an address or key that cannot be used.
    """
    return Store(Database(url, clock), Seal(integrity_key))


class Store:
    """The parts and what they offer; every method is documented where it is defined (`acts` in `Acts`,
    `numbers` in `Numbers`).

    Every method raises StoreError where the database is missing, of another schema, locked or damaged.
    """

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        audit = Audit(database, seal)
        leases = Leases(database)
        ledger = Ledger(database, seal, audit, leases)
        persons = Persons(database, seal)
        runs = Runs(database, leases, audit)
        plans = Plans(database, seal, audit)
        decisions = Decisions(database, seal, audit)
        sources = Sources(database, seal)
        readings = Readings(database, seal)
        self._broken_persons = persons.broken

        self.acts, self.numbers = Acts(database, seal, audit), Numbers(database)
        self.reasons = Reasons(database, self.acts)
        self.lease = leases.lease
        self.lease_state = leases.state
        self.may_write = leases.may_write
        self.persons, self.persons_among = persons.all, persons.among
        self.save_persons = persons.save
        self.erase = Erasure(database, persons, ActErasure(database, seal, audit), audit).erase
        self.owned, self.holders = ledger.owned, ledger.holders
        self.owned_below, self.owned_containers = ledger.owned_below, ledger.containers
        self.claim = ledger.claim
        self.record = ledger.record
        self.rebuild = ledger.rebuild
        self.start_run = runs.start
        self.finish_run = runs.finish
        self.runs, self.run, self.runs_of_parts = runs.newest, runs.one, runs.of_parts
        self.files_in_force = runs.files_in_force
        self.save_plan = plans.save
        self.plans, self.plan = plans.newest, plans.one
        self.approve = plans.approve
        self.refuse = plans.refuse
        self.take_approval = plans.take_approval
        self.first_apply_done = decisions.first_apply_done
        self.mark_first_apply = decisions.mark_first_apply
        self.accepted_policy = decisions.accepted_policy
        self.save_policy = decisions.save_policy
        self.adoptions = decisions.adoptions
        self.approve_adoption = decisions.approve_adoption
        self.save_source = sources.save
        self.last_source = sources.last
        self.last_reading = readings.last
        self.save_reading = readings.save
        self.drop_reading = readings.drop
        self.audit = audit.rows
        self.audit_head = audit.head
        self.verify_audit = audit.verify
        self.removed_since = audit.removed_since
        self.renamed_mapping = Renames(database, seal, audit, ledger).rename

    def calling(self, call: Call) -> Self:
        """The same store; the first act that is written through it keeps the call too, both or neither."""
        store = copy(self)
        store.acts = self.acts.calling(call)
        return store

    def upgrade(self) -> list[str]:
        """Bring the schema up to date, making the store if there is none; the revisions applied."""
        return migrate.upgrade(self._database, self._seal)

    def grant(self, login: str, *, only_show: bool) -> list[str]:
        """Let a login of PostgreSQL look at the store and hand errands over; the statements for it.

        Raises `UsageError` for SQLite, `StoreError` where there is no such login.
        """
        return grants.statements(self._database, login) if only_show else grants.grant(self._database, login)

    def ready(self) -> None:
        """Raise StoreError, with its remedy, unless this program can work on this store with this key."""
        migrate.ready(self._database, self._seal)

    def check(self) -> list[str]:
        """`ready`, then everything wrong inside: damage, broken seals, breaks in the audit trail."""
        self.ready()
        inside = [*self.integrity_problems(), *self.verify_audit()]
        return [*migrate.damage(self._database), *map(str, inside)]

    def integrity_problems(self) -> list[IntegrityProblem]:
        """Rows that grant something and were changed by something other than syncd; none of them is used."""
        with self._database.reading() as connection:
            found = [*broken_rows(connection, self._seal), *self._broken_persons(connection)]
            profiles = PersonAttrs(self._database, self._seal).broken(connection)
        return sorted(
            [*found, *(IntegrityProblem("person_names", mapping, item) for mapping, item in profiles)]
        )

    def close(self) -> None:
        """End all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
