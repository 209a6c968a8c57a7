"""The names under which the store keeps what a run of a part of a mapping has for itself.

A part is "" for the whole mapping, "/" for what belongs to no root unit, "/acme" for a root unit. Ids of
mappings hold no slash, so a name that begins with an id and a slash is that of a part.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import func

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_LONGEST = 255  # characters in a name of the store; a unit's own may be that long


def own(mapping: str, part: str) -> str:
    """The name of a part's lease and of what it remembers; of the whole mapping, its id."""
    name = f"{mapping}{part}"
    return name if len(name) <= _LONGEST else f"{mapping}/{sha256(part.encode()).hexdigest()}"


def is_of(column: Any, mapping: str) -> ColumnElement[bool]:
    """Whether a column names a part of the mapping."""
    begin = f"{mapping}/"
    found: ColumnElement[bool] = func.substr(column, 1, len(begin)) == begin
    return found
