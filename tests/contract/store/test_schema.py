"""Addresses, revisions, and stores this program must not work on."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from syncd.errors import StoreError
from syncd.store import open_store, tables
from syncd.store.database import parse
from tests.contract.store.facts import KEY

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Tamper


def test_the_revisions_lead_to_the_tables_this_program_uses(store: Store, url: str) -> None:
    engine = create_engine(parse(url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


def test_an_upgrade_says_what_it_did_and_a_second_one_has_nothing_to_do(url: str) -> None:
    with open_store(url, KEY) as store:
        assert store.upgrade() == [
            "0001 The first schema.",
            "0002 What people do: records of acts, and the mails sent for them.",
            "0003 What targets held when they were last read.",
            "0004 On PostgreSQL, the queue that daemons share, in a schema of its own.",
            "0005 How mappings are, and what of it was told.",
            "0006 What workers answer to requests that another process handed over to them.",
            "0007 Persons are found by a name without reading all of them.",
            "0008 The numbers of POSIX groups, each given once.",
            "0009 Which part of a mapping a run and a plan are of; empty for the whole.",
            "0010 Which runs did less than all of their part, so that they say nothing of how it stands.",
            "0011 Which version of a mapping's files each run went by.",
        ]
        assert store.upgrade() == []
        assert store.check() == []


def test_an_upgrade_knows_the_runs_by_release_and_bootstrap_for_less_than_the_whole(
    store: Store, tamper: Tamper
) -> None:
    with store.lease("acme", "ann", timedelta(minutes=2)):
        runs = {why: store.start_run("acme", why, "ann") for why in ("release", "bootstrap", "apply")}
    for column in ("narrowed", "files"):
        tamper(f"ALTER TABLE runs DROP COLUMN {column}")
    tamper("UPDATE alembic_version SET version_num = '0009'")
    assert len(store.upgrade()) == 2
    assert len(store.runs("acme")) == 3
    assert [run.id for run in store.runs("acme", narrowed=False)] == [runs["apply"]]


def test_an_empty_database_is_older_than_this_program(url: str) -> None:
    with open_store(url, KEY) as store:
        if url.startswith("sqlite"):
            Path(parse(url).database or "").touch()
        with pytest.raises(StoreError, match="older than this program") as caught:
            store.check()
        assert "syncd db upgrade" in caught.value.remedy
        with pytest.raises(StoreError, match="has not the tables") as caught:
            store.persons()
        assert "syncd db upgrade" in caught.value.remedy


def test_a_store_from_the_future_is_refused_and_not_touched(store: Store, tamper: Tamper) -> None:
    tamper("UPDATE alembic_version SET version_num = '9999'")
    for act in (store.check, store.upgrade):
        with pytest.raises(StoreError, match="newer than this program"):
            act()
    assert tamper.values("SELECT version_num FROM alembic_version") == ["9999"]


def test_a_missing_file_is_not_made_by_looking(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/syncd.db", KEY) as store:
        with pytest.raises(StoreError, match="there is no store at"):
            store.check()
        assert not (tmp_path / "syncd.db").exists()


def test_a_new_store_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/syncd.db", KEY) as store:
        store.upgrade()
        made = sorted(tmp_path.iterdir())
        assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/none/syncd.db", KEY) as store:
        with pytest.raises(StoreError, match="No such file or directory") as caught:
            store.upgrade()
        assert f"make the folder {tmp_path}/none" in caught.value.remedy


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "syncd.db").write_text("this is no database, and long enough to be read as one\n" * 100)
    url = f"sqlite:///{tmp_path}/syncd.db"
    with open_store(url, KEY) as store, pytest.raises(StoreError, match="file is not a database"):
        store.check()


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("sqlite:///var/lib/syncd/syncd.db", "/var/lib/syncd/syncd.db"),
        ("sqlite:////var/lib/syncd/syncd.db", "/var/lib/syncd/syncd.db"),
        ("sqlite:///./syncd.db", "./syncd.db"),
        ("sqlite:state/syncd.db", "state/syncd.db"),
    ],
)
def test_a_path_in_an_address_reads_as_in_any_url(address: str, path: str) -> None:
    assert parse(address).database == path


@pytest.mark.parametrize("address", ["postgresql://u@h/n", "postgres://u@h/n", "postgresql+psycopg://u@h/n"])
def test_postgresql_is_spoken_to_with_psycopg(address: str) -> None:
    assert parse(address).drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "address", ["sqlite://", "sqlite:///:memory:", "sqlite:", "mysql://h/n", "", "postgresql:x"]
)
def test_an_address_that_cannot_keep_a_store_is_refused(address: str) -> None:
    with pytest.raises(StoreError) as caught:
        parse(address)
    assert "syncd.yaml" in caught.value.remedy


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    url = "postgresql://syncd:hunter2@127.0.0.1:1/syncd"
    with open_store(url, KEY) as store, pytest.raises(StoreError) as caught:
        store.ready()
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
