"""A keeper for tests: a target's copy as JSON, as the store would give it back, with a clock to turn."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncd.targets.recall import Keeper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Observation


class Kept:
    """What was kept last; `keeper` gives and takes it. A whole read will do for a day."""

    def __init__(self) -> None:
        self._text = ""
        self.saves = 0
        self.later = timedelta()
        self.keeper = Keeper(
            self._load, self._save, lambda at: at + timedelta(days=1), lambda: datetime.now(UTC) + self.later
        )

    @property
    def mark(self) -> dict[str, Any]:
        """The mark that was kept."""
        return dict(json.loads(self._text)[0])

    def change(self, **mark: Any) -> None:
        """Turn a part of the mark into something else."""
        kept, facts = json.loads(self._text)
        self._text = json.dumps([{**kept, **mark}, facts])

    def _load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        return tuple(json.loads(self._text)) if self._text else None

    def _save(self, mark: Mapping[str, Any], facts: Mapping[str, Any] | None) -> None:
        self.saves += 1
        self._text = json.dumps([mark, json.loads(self._text)[1] if facts is None else facts])


def same(one: Observation, other: Observation) -> None:
    """Both observations hold the same, whatever the order and the cost."""
    assert dict(one.state) == dict(other.state)
    assert dict(one.natives) == dict(other.natives)
    assert dict(one.marks) == dict(other.marks)
    by_native = [sorted(each.accounts, key=lambda account: account.native) for each in (one, other)]
    assert by_native[0] == by_native[1]
