"""Who stands still in a transaction, or is on a machine that is gone, keeps nobody out for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from syncd.errors import StoreError
from syncd.store import Store, database, open_store
from syncd.store.database import Database
from tests.contract.store.facts import KEY, TTL

if TYPE_CHECKING:
    from deploy.local.servers import Postgres

pytestmark = pytest.mark.live


def test_whoever_stands_still_in_a_transaction_is_cut_off_and_the_next_one_goes_on(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_server.fresh_database()
    with open_store(url, KEY) as store:
        store.upgrade()
        with store.lease("acme", "somebody", TTL):
            pass
        monkeypatch.setattr(database, "IDLE_SECONDS", 1)
        with pytest.raises(StoreError, match="idle-in-transaction"):
            _write_after_standing_still(url, store)


def _write_after_standing_still(url: str, store: Store) -> None:
    """The row of the lease is locked until the next one has it."""
    still = Database(url)
    try:
        with still.writing() as session:
            session.execute(text("UPDATE leases SET token = 99 WHERE mapping = 'acme'"))
            with store.lease("acme", "the next one", TTL) as lease:
                assert lease.token == 2
            session.execute(text("SELECT 1"))
    finally:
        still.close()
