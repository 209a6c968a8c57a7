"""The refusal of one change: which group, role or person, what Keycloak said, what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from syncd.targets.keycloak_failures import explain
from syncd.targets.keycloak_shape import ATTRIBUTE

if TYPE_CHECKING:
    from syncd.model import Change
    from syncd.targets.keycloak_connection import Reply

LONGEST = 255  # of a name, description or attribute value; one more and Keycloak answers 500


class ChangeRefused(Exception):
    """Raised while one change is written, and turned into its outcome."""

    def __init__(self, change: Change, reason: str, remedy: str) -> None:
        super().__init__(f"{change.key}: {reason}; {remedy}")


def done(change: Change, reply: Reply, remedy: str, *, gone: bool = False) -> None:
    """Return where the reply says done, else raise; `gone` takes 404 for done, as a removal may."""
    if reply.ok or (gone and reply.status == HTTPStatus.NOT_FOUND):
        return
    text = explain(reply.body)
    if reply.status == HTTPStatus.FORBIDDEN:
        raise ChangeRefused(change, "the service account may not do this", remedy)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ChangeRefused(
            change, f"Keycloak failed ({reply.status} {text}) and wrote nothing", "its log has the reason"
        )
    raise ChangeRefused(change, f"Keycloak answered {reply.status} {text}", remedy)


def impossible(change: Change) -> ChangeRefused:
    """The refusal of an operation that has no meaning for this kind of fact."""
    return ChangeRefused(
        change, f"Keycloak cannot {change.op} a {change.key.kind}", "report this plan as a fault of syncd"
    )


def fits(change: Change, name: str) -> None:
    """Refuse what Keycloak would answer with an unexplained 500."""
    for what, values in {"name": (name,), **change.attrs}.items():
        longest = max((len(value) for value in values), default=0)
        if longest > LONGEST:
            raise ChangeRefused(
                change,
                f"its {what.removeprefix(ATTRIBUTE)} has {longest} characters, Keycloak keeps {LONGEST}",
                "shorten it",
            )
