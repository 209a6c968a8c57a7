"""What is known of mappings and what is told of it: both or neither, and once, whoever decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from secrets import token_hex
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Notice
from syncd.errors import Stale
from syncd.reasons import Kept, Reason, State, event, judged, parted, together
from syncd.store import open_store
from tests.contract.store.actors import PATIENCE
from tests.contract.store.facts import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from syncd.store import Store

STOPPED = Reason(State.STOPPED, ("removals",), {"plan": "0123"}, "sue@acme.example would be gone")


def decide(id_: str):
    """Tell of `STOPPED` by one notice of that id, where it is to be told."""

    def decided(kept: Kept | None, now: datetime) -> tuple[Kept, list[Notice]]:
        known, reason = judged(kept, STOPPED, now, timedelta(), lambda _event: True)
        return known, [Notice(id_, "acme", about="mapping.stopped")] if reason else []

    return decided


def ended(part: str, reason: Reason, parts: Sequence[str]):
    """Note how a run left a part, and tell of the mapping what there is to tell."""

    def decided(kept: Kept | None, now: datetime) -> tuple[Kept, list[Notice]]:
        found = parted(kept, part, reason, parts)
        known, told = judged(kept, together(found), now, timedelta(), lambda _event: True)
        about = event("acme", told.state) if told else ""
        return replace(known, parts=found), [Notice(f"n_{token_hex(8)}", "acme", about=about)] if told else []

    return decided


def ids(store: Store) -> list[str]:
    return [one.id for one in store.acts.all(Notice, "acme")]


def test_what_is_known_comes_back_without_what_a_file_was_quoted_with(store: Store) -> None:
    kept = store.reasons.settle("acme", decide("n_1"))
    assert store.reasons.all() == {"acme": kept}
    assert kept.is_told
    assert store.reasons.all()["acme"].present.detail == ""
    assert ids(store) == ["n_1"]


def test_the_same_again_writes_nothing(store: Store) -> None:
    kept, before = store.reasons.settle("acme", decide("n_1")), store.audit_head("acme")
    assert store.reasons.settle("acme", decide("n_2")) == kept
    assert store.audit_head("acme") == before
    assert ids(store) == ["n_1"]


def test_where_a_notice_cannot_be_kept_nothing_counts_as_told(store: Store) -> None:
    store.acts.add(Notice("n_1", "acme", about="data.heir"))
    with pytest.raises(Stale):
        store.reasons.settle("acme", decide("n_1"))
    assert store.reasons.all() == {}
    assert store.reasons.settle("acme", decide("n_2")).is_told


def test_of_many_parts_that_end_at_once_each_is_kept_and_the_worst_is_told_once(
    store: Store, url: str
) -> None:
    parts, start = ("/", *(f"/unit{number}" for number in range(5))), Barrier(6, timeout=PATIENCE)
    for part in parts:
        store.reasons.settle("acme", ended(part, Reason(), parts))

    def end(part: str) -> None:
        with open_store(url, KEY) as own:
            own.ready()
            start.wait()
            own.reasons.settle("acme", ended(part, Reason() if part == "/" else STOPPED, parts))

    threads = [Thread(target=end, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = store.reasons.all()["acme"]
    assert {part for part, one in kept.parts.items() if one.state is State.STOPPED} == set(parts[1:])
    assert kept.present.names == tuple(f"{part} removals" for part in parts[1:])
    assert "mapping.recovered" not in {one.about for one in store.acts.all(Notice, "acme")}


def test_of_many_who_find_the_same_at_once_one_tells_it(store: Store, url: str) -> None:
    together = Barrier(6, timeout=PATIENCE)

    def find(number: int) -> None:
        with open_store(url, KEY) as own:
            own.ready()
            together.wait()
            own.reasons.settle("acme", decide(f"n_{number}"))

    threads = [Thread(target=find, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids(store)) == 1
