"""Plans and reports as JSON documents, and back: the form that is stored, exported and approved.

`format_version` grows by one where a reader of the last version would misread; new keys alone do not
raise it.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from syncd.errors import Place, Problem
from syncd.model import (
    ENFORCED,
    Change,
    Foreign,
    Held,
    Key,
    Kind,
    LimitUse,
    Op,
    Origin,
    Plan,
    Result,
    RunPlan,
    RunReport,
    SourceHealth,
    Stop,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.errors import SyncdError

FORMAT_VERSION = 1


def document(kind: str, **parts: Any) -> dict[str, Any]:
    """A document of `kind`: dataclasses become objects, enums their values, paths lists."""
    return {"format_version": FORMAT_VERSION, "kind": kind} | {
        name: plain(value) for name, value in parts.items()
    }


def plan_document(plan: RunPlan) -> dict[str, Any]:
    """A plan, whole: `plan_from_document` gives an equal value back."""
    totals = {"changes": plan.changes, "held": plan.held, "stops": len(plan.stops)}
    return document("plan", totals=totals, **_parts(plan))


def report_document(report: RunReport) -> dict[str, Any]:
    """How a run ended; the plan it ran is named by its digest."""
    results = {result.value: report.count(result) for result in Result}
    return document(
        "report",
        run=report.run,
        mapping=report.plan.mapping,
        digest=report.plan.digest,
        exit_code=report.exit_code,
        message=report.message,
        results=results,
        failed=report.plan.failed,
        outcomes=report.outcomes,
        mails=report.mails,
    )


def error_document(error: SyncdError) -> dict[str, Any]:
    """A refusal or failure, with its exit code and, where the input is at fault, every problem."""
    return document(
        "error",
        error=type(error).__name__,
        message=error.message,
        remedy=error.remedy,
        exit_code=error.exit_code,
        retryable=error.retryable,
        problems=getattr(error, "problems", ()),
    )


def plain(value: Any) -> Any:
    """`value` in the types that JSON has. Plans run to 100,000 changes, so the commonest types come first."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is tuple or kind is list:
        return [plain(inner) for inner in value]
    if names := _names(kind):
        return {name: plain(getattr(value, name)) for name in names}
    return _rare(value)


def _rare(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | set):
        return sorted(plain(inner) for inner in value)
    if hasattr(value, "items"):
        return {str(name): plain(inner) for name, inner in value.items()}
    return value


_AS_IT_IS = frozenset({str, int, bool, float, type(None)})


_FIELDS: dict[type, tuple[str, ...]] = {}


def _names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass or of a named tuple; none for any other type."""
    if kind not in _FIELDS:
        named = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
        _FIELDS[kind] = named or getattr(kind, "_fields", ())
    return _FIELDS[kind]


def plan_from_document(data: Mapping[str, Any]) -> RunPlan:
    """The plan that `plan_document` wrote; raises ValueError where `data` is no plan of this version."""
    is_plan = isinstance(data, dict) and data.get("kind") == "plan"
    if not is_plan or data.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"this is not a plan document of format version {FORMAT_VERSION}")
    try:
        return RunPlan(
            mapping=data["mapping"],
            environment=data["environment"],
            digest=data["digest"],
            plans=tuple(_plan(part) for part in data["plans"]),
            stops=tuple(Stop(**stop) for stop in data["stops"]),
            sources=tuple(SourceHealth(**source) for source in data["sources"]),
            uses=tuple(LimitUse(**use) for use in data["uses"]),
            upcoming=tuple((day, text) for day, text in data["upcoming"]),
            suggestions=tuple(data["suggestions"]),
            policy_waiting=tuple(data["policy_waiting"]),
            warnings=tuple(_problem(problem) for problem in data["warnings"]),
            first=data["first"],
            additive=data["additive"],
            failed=dict(data["failed"]),
            unresolved=dict(data["unresolved"]),
            names=dict(data["names"]),
            titles=dict(data["titles"]),
            servers=dict(data["servers"]),
            kept=dict(data["kept"]),
            only=data.get("only", ""),
            part=data.get("part", ""),
            target=data.get("target", ""),
            mode=data.get("mode", ENFORCED),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the plan document is damaged: {error}") from error


def _parts(value: Any) -> dict[str, Any]:
    return {name: plain(getattr(value, name)) for name in _names(type(value))}


def _plan(data: Mapping[str, Any]) -> Plan:
    return Plan(
        target=data["target"],
        changes=tuple(_change(change) for change in data["changes"]),
        held=tuple(Held(_change(held["change"]), held["reason"], held["detail"]) for held in data["held"]),
        foreign=tuple(Foreign(_key(found["key"]), found["detail"]) for found in data["foreign"]),
    )


def _change(data: Mapping[str, Any]) -> Change:
    return Change(
        op=Op(data["op"]),
        key=_key(data["key"]),
        attrs=_attrs(data["attrs"]),
        before=_attrs(data["before"]),
        clear=frozenset(data["clear"]),
        old=_key(data["old"]) if data["old"] else None,
        native=data["native"],
        origin=_origin(data["origin"]),
    )


def _key(data: Mapping[str, Any]) -> Key:
    return Key(Kind(data["kind"]), tuple(data["place"]), tuple(data["item"]))


def _problem(data: Mapping[str, Any]) -> Problem:
    return Problem(**{**data, "place": Place(**data["place"])})


def _attrs(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in data.items()}


def _origin(data: Mapping[str, Any]) -> Origin:
    place = Place(**data["place"]) if data["place"] else None
    return Origin(**{name: _frozen(value) for name, value in data.items()} | {"place": place})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
