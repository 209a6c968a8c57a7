"""Every store test runs on SQLite and on PostgreSQL; only a test that reaches below says which one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.store import open_store
from tests.contract.store.facts import KEY, Clock, Tamper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncd.store import Store


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that nobody has used yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/syncd.db"
    return request.getfixturevalue("postgres_server").fresh_database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    with open_store(url, KEY, clock) as opened:
        opened.upgrade()
        yield opened


@pytest.fixture
def tamper(url: str, store: Store) -> Iterator[Tamper]:
    """Runs SQL as somebody who can write to the database but has not the key."""
    tamper = Tamper(url)
    yield tamper
    tamper.close()
