"""A large installation in one process, on a real store over servers in memory: requests and writes counted.

Time and memory are shown by `python -m tests.bench size`, and judged by people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.size import CHANGED, FIRST, NOTHING, TRUNK, Installation, companies, faults_of, stages

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("mappings", "memberships", "parts"),
    [
        (10, 9_000, 1),
        (1, 3_000, 1),
        (1, 1_500, 3),
        pytest.param(100, 300_000, 1, marks=pytest.mark.full),
        pytest.param(1, 300_000, 1, marks=pytest.mark.full),
        pytest.param(1, 300_000, 20, marks=pytest.mark.full),
    ],
)
def test_runs_ask_for_their_own_groups_and_write_what_changed_and_no_more(
    tmp_path: Path, mappings: int, memberships: int, parts: int
) -> None:
    people = memberships // 3
    all_ = companies(mappings, memberships, people, roots=parts, split=parts > 1)
    every = list(stages(Installation(tmp_path, all_, people)))
    assert [fault for stage in every for fault in faults_of(stage)] == []
    found = {stage.what: stage for stage in every if stage.of != TRUNK}
    assert found[FIRST].rows["ledger"] == memberships + found[FIRST].containers
    assert found[NOTHING].rows == found[FIRST].rows
    assert found[CHANGED].rows["audit"] == found[NOTHING].rows["audit"] + 2 * found[CHANGED].swaps
    assert found[CHANGED].rows["persons"] == people
