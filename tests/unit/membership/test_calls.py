"""Runs that people asked for are asked for until one succeeds, and then no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Call
from syncd.app.acting import Acting
from syncd.errors import MappingInvalid, Place, Problem
from syncd.model import RunPlan
from tests.unit.membership.bureau import BO, SUE, UNIT, asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.membership import Office
    from syncd.membership_words import Verdict
    from syncd.store import Store
    from tests.unit.membership.bureau import Bureau


class Desk(Acting):
    """An application that has seen the calls of a store, and keeps no plan."""

    def __init__(self, bureau: Bureau) -> None:
        self._calls = bureau.store.acts.all(Call, "acme")
        self.bureau = bureau

    @property
    def _db(self) -> Store:
        return self.bureau.store

    def _known(self, mapping: str) -> str:
        return mapping

    def office_of_account(self, _mapping: str, native: str) -> Office:
        return self.bureau.office(native)

    def _keep(self, plan: RunPlan) -> None:
        assert plan is not None

    def finish(self, bureau: Bureau, exit_code: int, only: str) -> None:
        files = SimpleNamespace(compiled=bureau.compiled()[0])
        job = SimpleNamespace(mapping="acme", store=bureau.store, files=files, targets={})
        report = SimpleNamespace(plan=RunPlan("acme", "test", "", only=only), run="r", exit_code=exit_code)
        self._finish(job, report)  # type: ignore[arg-type]  # as much of a run as it needs


@pytest.mark.parametrize(
    ("exit_code", "only", "stay"),
    [(0, "", ["later"]), (1, "", ["early", "later"]), (0, "/acme", ["early", "later"])],
    ids=["done", "failed", "a part"],
)
def test_a_whole_run_that_succeeds_answers_the_calls_that_it_found(
    bureau: Bureau, exit_code: int, only: str, stay: list[str]
) -> None:
    bureau.store.acts.add(Call("early", "acme", by=BO))
    desk = Desk(bureau)
    bureau.store.acts.add(Call("later", "acme", by=BO))
    desk.finish(bureau, exit_code, only)
    assert [one.id for one in bureau.store.acts.all(Call, "acme")] == stay


class Killed(BaseException):
    """The process ends here."""


def test_an_act_that_is_written_has_its_run_called_for_whatever_happens_to_its_process(
    bureau: Bureau,
) -> None:
    desk = Desk(bureau)

    def killed(office: Office) -> Sequence[Verdict]:
        assert office.invite(UNIT, [asked(SUE)])[0].allowed
        assert desk.called() == {}  # a run would find the lease taken
        raise Killed

    with pytest.raises(Killed):
        desk.record("acme", BO, killed)
    (call,) = bureau.store.acts.all(Call, "acme")
    assert (call.by, desk.called()) == (bureau.office().person(BO), {call.id: "acme"})


def test_an_act_that_writes_nothing_calls_for_no_run(bureau: Bureau) -> None:
    desk = Desk(bureau)
    (verdict,) = desk.record("acme", BO, lambda office: office.invite(UNIT, [asked(SUE, "owner")]))
    assert (verdict.allowed, bureau.store.acts.all(Call, "acme")) == (False, [])


def test_an_act_after_which_the_mapping_does_not_hold_takes_its_call_back(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, before = Desk(bureau), bureau.records()
    problem = Problem(Place("acme.yaml", 1, 1), "members", "there are too many")

    def prepare(_job: object) -> None:
        raise MappingInvalid([problem])

    monkeypatch.setattr("syncd.app.acting.prepare", prepare)
    monkeypatch.setattr(Desk, "_job", lambda _self, mapping: mapping, raising=False)
    (verdict,) = desk.record("acme", BO, lambda office: office.invite(UNIT, [asked(SUE)]))
    assert (verdict.allowed, "too many" in verdict.detail) == (False, True)
    assert (bureau.records(), bureau.store.acts.all(Call, "acme")) == (before, [])
