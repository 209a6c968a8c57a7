"""A bureau with a store of its own for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.store import open_store
from tests.unit.membership.bureau import Bureau

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    store = open_store(f"sqlite:///{tmp_path}/syncd.db", b"k" * 32)
    store.upgrade()
    yield Bureau(store)
    store.close()
