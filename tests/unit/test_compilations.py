"""A mapping that runs in parts is compiled once for all of them, and anew whenever anything differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

import syncd.app
from syncd.app import in_force
from syncd.app.compilations import Compilations, Given
from syncd.errors import Place
from syncd.roster import Roster
from tests.bench.size import Installation, companies

if TYPE_CHECKING:
    from pathlib import Path

STAFF = Roster("staff", (), (), "one", Place("staff.csv"))
GIVEN = Given("digest", {"staff": STAFF}, {}, date(2026, 1, 1), ())
OTHERS = [
    replace(GIVEN, digest="another"),
    replace(GIVEN, rosters={"staff": replace(STAFF, digest="two")}),
    replace(GIVEN, rosters={"staff": replace(STAFF, frozen="shrank")}),
    replace(GIVEN, rosters={}),
    replace(GIVEN, today=date(2026, 1, 2)),
]


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_given_again_is_not_worked_out_again_and_what_differs_is(other: Given) -> None:
    known, settings, made = Compilations(), object(), iter(range(9))

    def of(given: Given, by: Any = settings, mapping: str = "one") -> Any:
        return known.of(by, mapping, given, lambda: next(made))  # type: ignore[arg-type,return-value]

    assert [of(GIVEN), of(replace(GIVEN)), of(other), of(other), of(GIVEN)] == [0, 0, 1, 1, 2]
    assert [of(GIVEN, object()), of(GIVEN, mapping="two"), of(GIVEN, mapping="two")] == [3, 4, 4]
    known.forget("two")
    assert of(GIVEN, mapping="two") == 5


def test_a_daemon_reads_and_compiles_a_mapping_once_for_all_its_parts_and_once_for_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = {"read": 0, "compiled": 0}
    load, compile_ = in_force.files.load_mapping, syncd.app.compile_mapping

    def loading(*given: Any, **more: Any) -> Any:
        done["read"] += 1
        return load(*given, **more)

    def compiling(*given: Any, **more: Any) -> Any:
        done["compiled"] += 1
        return compile_(*given, **more)

    site = Installation(tmp_path, companies(1, 450, 150, roots=3, split=True), 150)
    with site.served():
        assert [report.exit_code for report in site.confirm("m000")] == [0]
        monkeypatch.setattr(in_force.files, "load_mapping", loading)
        monkeypatch.setattr(in_force.files, "today_of", lambda *_: date(2026, 1, 1))  # no midnight in between
        monkeypatch.setattr(syncd.app, "compile_mapping", compiling)
        for costs in ({"read": 1, "compiled": 1}, {"read": 0, "compiled": 0}):
            reports = [*site.run("m000"), *site.run_parts("m000")]
            assert [report.exit_code for report in reports] == [0] * 4
            assert done == costs
            done = dict.fromkeys(done, 0)
        site.write(changed=True)
        reports = [*site.run("m000"), *site.run_parts("m000")]
        assert sum(len(report.outcomes) for report in reports) == 2 * sum(one.swaps for one in site.companies)
        assert done == {"read": 1, "compiled": 1}
