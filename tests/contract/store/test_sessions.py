"""A pooler that shares the sessions of PostgreSQL out is told from one that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd import settings
from syncd.app.examination import doctor
from syncd.store.sessions import shared_out
from tests.pgbouncer import PgBouncer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.local.servers import Postgres

pytestmark = pytest.mark.live


@pytest.fixture
def pooled(tmp_path: Path, postgres_server: Postgres) -> Iterator[Callable[..., str]]:
    started = []

    def start(mode: str, size: int) -> str:
        started.append(PgBouncer.start(tmp_path / mode, postgres_server.fresh_database(), mode, size))
        return started[-1].url

    yield start
    for one in started:
        one.stop()


def test_the_server_itself_shares_nothing_out(postgres_server: Postgres) -> None:
    assert not shared_out(postgres_server.url)


@pytest.mark.parametrize("size", [1, 5])
def test_a_pooler_that_hands_sessions_out_by_transaction_is_seen(
    pooled: Callable[..., str], size: int
) -> None:
    url = pooled("transaction", size)
    assert [shared_out(url) for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize(("mode", "status"), [("transaction", "fail"), ("session", "ok")])
def test_doctor_says_so(pooled: Callable[..., str], tmp_path: Path, mode: str, status: str) -> None:
    file = tmp_path / "syncd.yaml"
    (tmp_path / "store").write_text(pooled(mode, 5))
    file.write_text("environment: test\nstore: {file: store}\n")
    checks = {one.name: one for one in doctor(settings.load(file), list, {}, {})}
    assert checks["store sessions"].status == status
    assert ("pool_mode = session" in checks["store sessions"].remedy) == (status == "fail")


def test_a_pooler_that_keeps_sessions_is_none(pooled: Callable[..., str]) -> None:
    assert not shared_out(pooled("session", 5))
