"""The documented cells of roles and permissions: the only source of what a token must hold."""

from __future__ import annotations

import csv
from collections import defaultdict

from tests.system.site import REPOSITORY

CELLS = REPOSITORY / "tests" / "data" / "systems" / "permissions.csv"


def _cells() -> dict[str, dict[str, dict[str, bool]]]:
    found: dict[str, dict[str, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    with CELLS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found[row["system"]][row["role"]][row["permission"]] = {"yes": True, "no": False}[row["allowed"]]
    return found


MATRIX = _cells()
"""system → role → permission → whether it is allowed."""


def cells_of(held: set[str], system: str, role: str) -> dict[str, bool]:
    """What `held` permissions say about the cells of a role."""
    return {permission: permission in held for permission in MATRIX[system][role]}


def within(claim: set[str], unit: str) -> set[str]:
    """The permissions that a claim of scoped permissions gives in exactly this unit."""
    split = (value.rpartition("#") for value in claim)
    return {permission for path, _, permission in split if path == unit}
