"""A fake application behind the real command line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from syncd import locale
from syncd.app_types import (
    AuditRow,
    Explanation,
    HeldRow,
    LockRow,
    MappingStatus,
    PlanRow,
    RunDetail,
    RunRow,
    ValidationResult,
)
from syncd.cli import root
from syncd.errors import Place, Problem, Refused
from syncd.model import Check, Outcome, Result, RunPlan, RunReport
from syncd.render import plan_document
from tests.unit.cli.sample import run_plan


class FakeApp:
    """Answers what it is told to; `acts` are what was asked of it."""

    def __init__(self) -> None:
        self.names = ["acme"]
        self.settings = SimpleNamespace(listen=SimpleNamespace(health="127.0.0.1:1"), file=Path("syncd.yaml"))
        self.plans_made: dict[str, RunPlan] = {"acme": run_plan()}
        self.report_code = 0
        self.acts: list[tuple] = []
        self.closed = 0
        self.checks = [Check("keycloak", "ok", "26.5.0"), Check("clock", "warn", "3 s late", "run NTP")]
        self.faults: list[str] = []
        self.error: Exception | None = None
        self.validation = ValidationResult(mappings=1, units=2, people=3, assignments=4)

    def close(self) -> None:
        self.closed += 1

    def mapping_names(self) -> list[str]:
        return self.names

    def validate(self, mapping: str | None) -> ValidationResult:
        self._act("validate", mapping)
        return self.validation

    def plan(
        self, mapping: str, *, only: str | None = None, target: str | None = None, confirmed: bool = True
    ) -> RunPlan:
        self._act("plan", mapping, only, target)
        return self.plans_made[mapping]

    def apply(self, mapping: str, plan: RunPlan, *, confirmed: bool, actor: str, progress) -> RunReport:
        self._act("apply", mapping, confirmed, actor)
        if plan.digest != self.plans_made[mapping].digest:
            raise Refused("The plan changed since it was reviewed.", "Plan again.")
        progress(1, 2)
        changes = self.plans_made[mapping].plans[0].changes if self.plans_made[mapping].plans else ()
        outcomes = [Outcome(change, Result.DONE) for change in changes]
        if self.report_code and outcomes:
            outcomes[0] = Outcome(changes[0], Result.REFUSED, detail="403: manage-users is missing")
        return RunReport("r-1", self.plans_made[mapping], outcomes, self.report_code)

    def held(self, mapping: str) -> list[HeldRow]:
        held = self.plans_made[mapping].plans[0].held
        return [HeldRow(mapping, "keycloak", one, "Carla Diaz") for one in held]

    def locks(self, mapping: str) -> list[LockRow]:
        since, rule = "2026-11-24T10:00:00+00:00", "settings.seats.overflow"
        return [LockRow(mapping, "dan@acme.example", "disabled", rule, f"rule:{rule}", since, "", "too many")]

    def adopt(self, mapping: str, path: str, who: str) -> list[str]:
        self._act("adopt", mapping, path)
        return [f"group {path}"]

    def release(self, mapping: str, who: str) -> int:
        self._act("release", mapping)
        return 7

    def status(self) -> list[MappingStatus]:
        return [
            MappingStatus("acme", "2026-11-24T10:00:00Z", "done", "2026-11-24T10:00:00Z", 1, 2, 0, 40, 55)
        ]

    def explain(self, person: str, unit: str | None) -> list[Explanation]:
        self._act("explain", person, unit)
        return [Explanation("/acme", "admin", "keycloak", "members", "file", Place("m.yaml", 7, 3), "done")]

    def doctor(self) -> list[Check]:
        return self.checks

    def bootstrap(self, config, request) -> list[str]:
        self._act("bootstrap", request)
        return ["client syncd made"]

    def plans(self) -> list[PlanRow]:
        return [PlanRow("pl-1", "acme", "9f2c", "2026-11-24T10:00:00Z", "pending", 5, 1, 1)]

    def plan_document(self, plan: str) -> dict:
        return plan_document(run_plan())

    def approve(self, plan: str, who: str, reason: str) -> None:
        self._act("approve", plan, who, reason)

    def refuse(self, plan: str, who: str) -> None:
        self._act("refuse", plan, who)

    def runs(self, limit: int) -> list[RunRow]:
        self._act("runs", limit)
        return [RunRow("r-1", "acme", "2026-11-24T10:00:00Z", trigger="apply", actor="ann", done=5)]

    def run(self, run: str) -> RunDetail:
        return RunDetail(self.runs(1)[0], tuple(self.audit_rows()))

    def audit_rows(self) -> list[AuditRow]:
        return [AuditRow("2026-11-24T10:00:00Z", "ann", "r-1", "create", "keycloak", "=cmd|x", "done")]

    def verify_audit(self) -> list[str]:
        return self.faults

    def db_upgrade(self) -> list[str]:
        return []

    def db_check(self) -> list[str]:
        return self.faults

    def db_rebuild(self, mapping: str) -> list[str]:
        return ["group /acme is ours again"]

    def _act(self, *act) -> None:
        self.acts.append(act)
        if self.error is not None:
            raise self.error


@pytest.fixture
def app(monkeypatch) -> FakeApp:
    fake = FakeApp()
    monkeypatch.setattr("syncd.cli.session.open_app", lambda _config: fake)
    monkeypatch.setattr("syncd.cli.setup.run_bootstrap", fake.bootstrap)
    return fake


@pytest.fixture(autouse=True)
def _no_daemon(monkeypatch):
    monkeypatch.setattr("syncd.health_asking.ask", lambda _address, _config: None)


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR", "FORCE_COLOR", "SYNCD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    locale.use("en")
    yield
    locale.use("en")


@pytest.fixture
def call():
    """Run the command line; answers with exit_code, stdout, stderr."""

    def run(*args: str, answer: str | None = None) -> SimpleNamespace:
        result = CliRunner().invoke(root, args, input=answer)
        return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr)

    return run


@pytest.fixture
def wrong() -> Problem:
    return Problem(Place("m.yaml", 2, 3), "teams.editr", 'unknown role "editr"', 'did you mean "editor"?')
