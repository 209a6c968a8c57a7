"""What a target offers whose groups carry numbers that are given once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence


@runtime_checkable
class Numbering(Protocol):
    """A target that can tell which numbers are taken, by us or by others."""

    def numbers_in_use(self, among: Sequence[int]) -> set[int]:
        """Those of the numbers that anything has there. Raises a `TargetError`."""
