"""Plans that were shown, and what people decided about them.

An approval is for one digest of one mapping, lasts a day and is used once. A plan that comes out the
same again is the same plan: the daemon that meets one limit every quarter of an hour fills no list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, and_, func, or_, select, update

from syncd.errors import UsageError
from syncd.store import tables
from syncd.store.audit import Entry
from syncd.store.runs import time_sortable_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.integrity import Seal

VALID_FOR = timedelta(hours=24)
_SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class Approval:
    """Leave to run one plan once, until `expires`."""

    plan: str
    mapping: str
    digest: str
    who: str
    reason: str
    approved: datetime
    expires: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan; `state` is pending, approved, applied (its approval was used), refused or superseded.

    `document` and `stops` are None where a person they named was erased.
    """

    id: str
    mapping: str
    digest: str
    run: str
    document: Mapping[str, Any] | None
    stops: Sequence[Any] | None
    created: datetime
    seen: datetime
    state: str
    refused_by: str
    approval: Approval | None


class Plans:
    """The plans of all mappings."""

    def __init__(self, database: Database, seal: Seal, audit: Audit) -> None:
        self._database = database
        self._seal = seal
        self._audit = audit

    def save(  # noqa: PLR0913, PLR0917  what a plan is kept with; the caller names most of it
        self,
        run: str,
        mapping: str,
        digest: str,
        document: Mapping[str, Any],
        stops: Sequence[Any],
        created: datetime,
        part: str = "",
    ) -> str:
        """Keep a plan, of the whole mapping or of a part of it, and give its id.

        The same plan again keeps its id and the decisions about it.
        """
        same = (tables.plans.c.mapping == mapping) & (tables.plans.c.digest == digest)
        fresh = {
            "id": time_sortable_id(created),
            "mapping": mapping,
            "digest": digest,
            "part": part,
            "created_at": created,
        }
        with self._database.writing() as connection:
            now = self._database.now(connection)  # that of runs, which supersede it
            shown = {"run": run, "document": dict(document), "stops": list(stops), "seen_at": now}
            fresh |= shown
            self._database.insert_missing(connection, tables.plans, [fresh])
            connection.execute(update(tables.plans).where(same).values(**shown))
            id_: str = connection.execute(select(tables.plans.c.id).where(same)).scalar_one()
        return id_

    def newest(self, mapping: str | None = None, limit: int = 50) -> list[StoredPlan]:
        """The plans seen last first."""
        query = (
            _with_approval().order_by(tables.plans.c.seen_at.desc(), tables.plans.c.id.desc()).limit(limit)
        )
        if mapping is not None:
            query = query.where(tables.plans.c.mapping == mapping)
        with self._database.reading() as connection:
            return self._plans(connection, connection.execute(query).all())

    def one(self, prefix: str) -> StoredPlan:
        """The plan whose id or digest begins so; raises UsageError unless there is exactly one."""
        with self._database.reading() as connection:
            return self._find(connection, prefix)

    def approve(self, plan: str, who: str, reason: str = "") -> Approval:
        """Let this very plan run once within 24 hours; also after a refusal: the last word counts."""
        with self._database.writing() as connection:
            stored = self._find(connection, plan)
            now = self._database.now(connection)
            row = {
                "mapping": stored.mapping,
                "digest": stored.digest,
                "plan": stored.id,
                "who": who,
                "reason": reason,
                "approved_at": now,
                "expires_at": now + VALID_FOR,
                "used_at": None,
            }
            self._database.upsert(connection, tables.approvals, [self._seal.sealed("approvals", row)])
            self._decide(connection, stored, refused_by=None, refused_at=None)
            self._on_record(connection, stored, "plan.approved", who, reason)
        return _approval(row)

    def refuse(self, plan: str, who: str) -> None:
        """Mark a plan as not wanted; an approval not used yet is taken back."""
        approvals = tables.approvals
        with self._database.writing() as connection:
            stored = self._find(connection, plan)
            unused = (approvals.c.mapping == stored.mapping) & (approvals.c.digest == stored.digest)
            connection.execute(approvals.delete().where(unused & approvals.c.used_at.is_(None)))
            self._decide(connection, stored, refused_by=who, refused_at=self._database.now(connection))
            self._on_record(connection, stored, "plan.refused", who, "")

    def take_approval(self, mapping: str, digest: str, now: datetime) -> bool:
        """Use the approval of a plan up; True for exactly one caller, and only while it is valid."""
        mine = and_(tables.approvals.c.mapping == mapping, tables.approvals.c.digest == digest)
        with self._database.writing() as connection:
            row = connection.execute(select(tables.approvals).where(mine).with_for_update()).one_or_none()
            if row is None or not self._seal.holds("approvals", row):
                return False
            if row.used_at is not None or row.expires_at <= now:
                return False
            used = self._seal.sealed("approvals", {**_values(row), "used_at": now})
            connection.execute(update(tables.approvals).where(mine).values(used_at=now, mac=used["mac"]))
            taken = Entry("plan.approval-used", actor=row.who, detail={"plan": row.plan, "digest": digest})
            self._audit.append(connection, mapping, [taken])
        return True

    def _find(self, connection: Connection, prefix: str) -> StoredPlan:
        if len(prefix) < _SHORTEST_PREFIX:
            raise UsageError(
                f"{prefix!r} is too short for a plan", f"give at least {_SHORTEST_PREFIX} characters"
            )
        plans = tables.plans.c
        begins = or_(*(func.substr(column, 1, len(prefix)) == prefix for column in (plans.id, plans.digest)))
        rows = connection.execute(_with_approval().where(begins)).all()
        exact = [row for row in rows if prefix in (row.id, row.digest)]
        chosen = exact if len(exact) == 1 else rows
        if not chosen:
            raise UsageError(f"no plan begins with {prefix!r}", "see `syncd plans list`")
        if len(chosen) > 1:
            several = ", ".join(sorted(row.id for row in chosen))
            raise UsageError(f"{prefix!r} is the beginning of several plans: {several}", "give more of it")
        return self._plans(connection, chosen)[0]

    def _plans(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[StoredPlan]:
        """What is newer and says as much makes a plan superseded: one of a part does not that of another.

        So does a run that began later and ended well: one that left the plan waiting saw it again. One that
        was narrowed did not look at all of it.
        """
        plans, runs = tables.plans.c, tables.runs.c
        newest_of = select(plans.mapping, plans.part, func.max(plans.seen_at).label("seen"))
        ran = select(runs.mapping, runs.part, func.max(runs.started_at).label("seen")).where(
            runs.exit_code == 0, ~runs.narrowed
        )
        found = [
            *connection.execute(newest_of.group_by(plans.mapping, plans.part)).all(),
            *connection.execute(ran.group_by(runs.mapping, runs.part)).all(),
        ]
        now = self._database.now(connection)

        def newest(row: Row[Any]) -> datetime:
            beside = (one for one in found if one.mapping == row.mapping)
            seen: list[datetime] = [
                one.seen for one in beside if not (row.part and one.part) or one.part == row.part
            ]
            return max(seen)

        return [self._plan(row, now, newest(row)) for row in rows]

    def _plan(self, row: Row[Any], now: datetime, newest: datetime) -> StoredPlan:
        approval = self._approval_of(row)
        return StoredPlan(
            id=row.id,
            mapping=row.mapping,
            digest=row.digest,
            run=row.run,
            document=row.document,
            stops=row.stops,
            created=row.created_at,
            seen=row.seen_at,
            state=_state(row, approval, now, newest),
            refused_by=row.refused_by or "",
            approval=approval,
        )

    def _approval_of(self, row: Row[Any]) -> Approval | None:
        values = {name: getattr(row, f"approval_{name}") for name in _APPROVAL}
        if values["mac"] is None or not self._seal.matches(
            values["mac"], "approvals", [values[name] for name in _APPROVAL if name != "mac"]
        ):
            return None
        return _approval(values)

    def _decide(self, connection: Connection, plan: StoredPlan, **decision: Any) -> None:
        connection.execute(update(tables.plans).where(tables.plans.c.id == plan.id).values(**decision))

    def _on_record(self, connection: Connection, plan: StoredPlan, event: str, who: str, reason: str) -> None:
        detail = {"plan": plan.id, "digest": plan.digest, "reason": reason}
        self._audit.append(connection, plan.mapping, [Entry(event, actor=who, detail=detail)])


_APPROVAL = ("mapping", "digest", "plan", "who", "reason", "approved_at", "expires_at", "used_at", "mac")


def _with_approval() -> Any:
    plans, approvals = tables.plans, tables.approvals
    same = and_(plans.c.mapping == approvals.c.mapping, plans.c.digest == approvals.c.digest)
    labelled = (approvals.c[name].label(f"approval_{name}") for name in _APPROVAL)
    return select(plans, *labelled).select_from(plans.outerjoin(approvals, same))


def _state(row: Row[Any], approval: Approval | None, now: datetime, newest: datetime) -> str:
    if row.refused_at is not None:
        return "refused"
    if approval is not None and approval.used is not None:
        return "applied"
    if approval is not None and approval.expires > now:
        return "approved"
    return "pending" if row.seen_at >= newest else "superseded"


def _values(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001  public in SQLAlchemy in spite of its name


def _approval(row: Mapping[str, Any]) -> Approval:
    return Approval(
        plan=row["plan"],
        mapping=row["mapping"],
        digest=row["digest"],
        who=row["who"],
        reason=row["reason"],
        approved=row["approved_at"],
        expires=row["expires_at"],
        used=row["used_at"],
    )
