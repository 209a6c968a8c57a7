"""The words of acts: who is asked in, and what became of an act for one person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.mapping.check_report import OWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.acts import Redemption
    from syncd.errors import Place


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an act for one person: allowed or not, why, and the line of the rule.

    `secret` is what only whoever acted may see, once: the token of a link.
    """

    who: str
    allowed: bool
    detail: str
    place: Place | None = None
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One person to be invited, as whoever invites describes them; an empty role is the model's default.

    For somebody who redeemed a link, `answers` is the note of it as it is kept together with what is given.
    """

    address: str
    role: str = ""
    given_name: str = ""
    family_name: str = ""
    locale: str = ""
    username: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Redemption | None = None


def titled(title: Mapping[str, str], language: str) -> str:
    """A title in a language, else in the one it has; empty where there is none."""
    return title.get(language) or title.get("") or title.get("en") or next(iter(title.values()), "")


def unwritable(names: Iterable[str]) -> str:
    """Why no act writes attributes by these names; empty where acts may."""
    own = sorted(name for name in names if name.startswith(OWN))
    return (
        f"{', '.join(own)}: attributes that begin with syncd. are syncd's own; leave them out" if own else ""
    )
