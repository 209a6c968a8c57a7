"""What candidates promise each other: one leads, and goes on leading for as long as it lives."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from syncd.errors import StoreError
from syncd.store import leader
from syncd.store.leader import Leader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import Postgres

pytestmark = pytest.mark.live

PATIENCE = 60  # seconds for what takes a fraction of one


class Candidate:
    """One process that stands for it, and what it was told; `refuse` is raised by its next beginning."""

    def __init__(self, store: str) -> None:
        self.told: list[str] = []
        self.may_begin = threading.Event()
        self.may_begin.set()
        self.refuse: Exception | None = None
        self.leader = Leader(store, self._gained, self._lost)
        self._changed = threading.Condition()

    def until(self, *told: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.told == list(told), PATIENCE), self.told

    def _tell(self, what: str) -> None:
        with self._changed:
            self.told.append(what)
            self._changed.notify_all()

    def _gained(self) -> None:
        self._tell("begins")
        assert self.may_begin.wait(PATIENCE)
        refused, self.refuse = self.refuse, None
        if refused is not None:
            raise refused
        self._tell("begun")

    def _lost(self) -> None:
        self._tell("lost")


@pytest.fixture
def stand(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Candidate]]:
    monkeypatch.setattr(leader, "LOOK", 0.1)
    store = postgres_server.fresh_database()
    made: list[Candidate] = []

    def stand(refuse: Exception | None = None) -> Candidate:
        made.append(Candidate(store))
        made[-1].refuse = refuse
        made[-1].leader.start()
        return made[-1]

    yield stand
    for one in made:
        one.may_begin.set()
        one.leader.stop()


def test_who_takes_long_to_begin_is_not_taken_to_stand_still(stand, monkeypatch):
    monkeypatch.setattr(leader, "SILENT", 5.0)
    first = stand()
    first.may_begin.clear()
    first.until("begins")
    second = stand()
    time.sleep(2 * leader.SILENT)
    assert first.leader.leads()
    assert second.told == []
    first.may_begin.set()
    first.until("begins", "begun")
    first.leader.stop()
    second.until("begins", "begun")


@pytest.mark.parametrize("refusal", [StoreError("the store is away"), RuntimeError("a fault")])
def test_who_cannot_begin_steps_down_and_stands_again(stand, refusal):
    one = stand(refusal)
    one.until("begins", "lost", "begins", "begun")
    assert one.leader.leads()


def test_what_is_still_beginning_is_waited_for_before_it_is_ended(stand):
    one = stand()
    one.may_begin.clear()
    one.until("begins")
    ending = threading.Thread(target=one.leader.stop)
    ending.start()
    while one.leader.leads():
        time.sleep(0.01)
    assert one.told == ["begins"]
    one.may_begin.set()
    ending.join()
    assert one.told == ["begins", "begun", "lost"]
