"""The store: claiming, recording and reading back forty thousand facts on SQLite, in waves as a run does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Change, Op, Outcome, Result
from syncd.reconcile import WAVE
from syncd.store import open_store
from tests.bench.measure import Figure, Taken, quickest, timed
from tests.bench.planning import wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from syncd.mapping.compiled import Compiled
    from syncd.store import Store

KEY = b"the integrity key of measurements"
MAPPING = "bench"
LEASE = timedelta(minutes=10)


def measure(folder: Path, compiled: Compiled, yardstick: Taken, rounds: int) -> list[Figure]:
    """The figures; claims and records change the store, so that each is measured once, over many waves."""
    changes = {
        name: [Change(Op.CREATE, key, attrs, origin=one.origins[key]) for key, attrs in one.state.items()]
        for name, one in wanted(compiled).items()
    }
    count = sum(map(len, changes.values()))
    with open_store(f"sqlite:///{folder}/bench.db", KEY) as store:
        store.upgrade()
        claiming, recording = _write(store, changes)
        reading, _ = quickest(lambda: [store.owned(MAPPING, name) for name in changes], rounds)
        checking, _ = quickest(store.verify_audit, 1)
    named = (
        (f"claim, waves of {WAVE}", claiming),
        (f"record, waves of {WAVE}", recording),
        ("owned, all rows", reading),
        ("audit trail verified", checking),
    )
    return [Figure("stores", name, count, taken, yardstick) for name, taken in named]


def _write(store: Store, changes: dict[str, list[Change]]) -> tuple[Taken, Taken]:
    """What all claims and all records take, under one lease."""
    claiming = recording = Taken()
    with store.lease(MAPPING, "bench", LEASE):
        run = store.start_run(MAPPING, "apply", "bench")
        for target, wave, outcomes in _waves(changes):
            claiming += timed(lambda: store.claim(MAPPING, target, run, wave))[0]  # noqa: B023  called at once
            recording += timed(lambda: store.record(MAPPING, target, run, outcomes))[0]  # noqa: B023  as above
        store.finish_run(run, 0, "", {})
    return claiming, recording


def _waves(changes: dict[str, list[Change]]) -> Iterator[tuple[str, list[Change], list[Outcome]]]:
    for target, wanted_there in changes.items():
        for start in range(0, len(wanted_there), WAVE):
            wave = wanted_there[start : start + WAVE]
            yield target, wave, _done(wave, start)


def _done(wave: Sequence[Change], start: int) -> list[Outcome]:
    return [Outcome(change, Result.DONE, f"n{start + index}") for index, change in enumerate(wave)]
