"""Runs that people asked for are asked for until one succeeds, and then no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Call
from syncd.app.acting import Acting
from syncd.model import RunPlan
from tests.unit.membership.bureau import BO

if TYPE_CHECKING:
    from tests.unit.membership.bureau import Bureau


class Desk(Acting):
    """An application that has seen the calls of a store, and keeps no plan."""

    def __init__(self, bureau: Bureau) -> None:
        self._calls = bureau.store.acts.all(Call, "acme")

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
