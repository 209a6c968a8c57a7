"""Two daemons on one PostgreSQL, on real servers, as docs/en/many-machines.md says."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from syncd.store.database import parse
from tests.system.test_daemon import NEVER, PLATFORM, eventually, members, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Postgres
    from tests.system.site import Site
    from tests.system.test_daemon import Serving

pytestmark = pytest.mark.live


@pytest.fixture
def shared(site: Site, postgres_server: Postgres) -> Site:
    """Its store is on PostgreSQL, and applied."""
    site.config.write_text(site.config.read_text() + NEVER)
    site.keep_in(postgres_server.fresh_database())
    site.apply().ok()
    return site


def leads(daemon: Serving) -> bool:
    return daemon.checks()["leader"]["detail"] == "this process"


def leading(one: Serving, other: Serving) -> tuple[Serving, Serving] | None:
    """Who leads and who follows, once checks and metrics of both agree on that."""
    both = (one, other) if leads(one) else (other, one)
    told = [daemon.get("/metrics")[1] for daemon in both]
    agreed = "syncd_leader 1.0" in told[0] and "syncd_leader 0.0" in told[1]
    return both if agreed and (leads(both[0]), leads(both[1])) == (True, False) else None


def test_two_daemons_share_the_work_and_one_takes_over_from_the_other(shared: Site) -> None:
    with serving(shared) as one, serving(shared) as other:
        eventually(lambda: leading(one, other))
        shared.edit("carla.cid@acme.example, dan.duval@acme.example", "dan.duval@acme.example")
        eventually(lambda: len(members(shared)) == 1)
        eventually(lambda: one.records("run") or other.records("run"))  # the directory is done with too
        leader, follower = eventually(lambda: leading(one, other))
        leader.process.kill()
        eventually(lambda: leads(follower))
        group = shared.groups()[PLATFORM]["id"]
        gone = shared.admin("GET", f"groups/{group}/members")[0]["id"]
        before = len(follower.records("run"))
        shared.admin("DELETE", f"users/{gone}/groups/{group}")
        follower.signal(signal.SIGUSR1)
        eventually(lambda: len(members(shared)) == 1)
        eventually(lambda: len(follower.records("run")) > before)
        assert follower.end() == 0
    assert shared.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_a_scheduler_carries_nothing_out_and_a_worker_does(shared: Site) -> None:
    with serving(shared, shared.command("daemon", "--role", "scheduler")) as scheduler:
        eventually(lambda: leads(scheduler))
        shared.edit("carla.cid@acme.example, dan.duval@acme.example", "dan.duval@acme.example")
        eventually(lambda: scheduler.checks()["queue"]["detail"] == "1 waiting")
        eventually(lambda: "syncd_queue_depth 1.0" in scheduler.get("/metrics")[1])
        assert len(members(shared)) == 2
        with serving(shared, shared.command("daemon", "--role", "worker")) as worker:
            eventually(lambda: len(members(shared)) == 1)
            eventually(lambda: worker.records("run"))
            assert scheduler.records("run") == []
            eventually(lambda: worker.checks()["leader"] == {"status": "ok", "detail": "another process"})
            assert scheduler.end() == 0
            eventually(lambda: "nobody" in worker.checks()["leader"]["detail"])
            assert worker.checks()["leader"]["status"] == "warn"
            assert worker.end() == 0


def test_on_sqlite_other_roles_are_refused(site: Site) -> None:
    for role in ("scheduler", "worker"):
        refused = site.cli("daemon", "--role", role)
        assert refused.code == 64
        assert "needs a store on PostgreSQL" in refused.err


@pytest.fixture
def looking(shared: Site, postgres_server: Postgres) -> Iterator[Site]:
    """Its login may only look, and no secret of a server is there."""
    owner = create_engine(parse(postgres_server.url), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("CREATE ROLE syncd_looks LOGIN PASSWORD 'secret'"))
    shared.cli("db", "grant", "syncd_looks").ok()
    url = parse((shared.folder / "store").read_text())
    as_owner = url.render_as_string(hide_password=False)
    looks = url.set(username="syncd_looks", password="secret")
    (shared.folder / "store").write_text(looks.render_as_string(hide_password=False))
    shutil.rmtree(shared.folder / "secrets")
    for secret in ("admin", "ldap", "syncd.db"):
        (shared.folder / secret).unlink()
    yield shared
    engine = create_engine(as_owner, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP OWNED BY syncd_looks"))
    engine.dispose()
    with owner.connect() as connection:
        connection.execute(text("DROP ROLE syncd_looks"))
    owner.dispose()


def test_a_login_that_only_looks_shows_and_cannot_write(looking: Site) -> None:
    assert looking.cli("status").ok()
    assert looking.cli("runs", "list").ok()
    refused = looking.cli("pause", "acme")
    assert refused.code == 1
    assert "permission denied" in refused.err
