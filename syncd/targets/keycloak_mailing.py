"""One mail by Keycloak, asked for once: what its answer, or the want of one, says about the mail.

Only an answer that Keycloak gives before or because of SMTP says that nothing left. Whatever fails
after that (a lost connection, an error of the transaction, a proxy's 502) leaves the question open.

Keycloak keeps a mail server's words in its log and says "Failed to send" of every failure alike, so a
mailbox that does not exist cannot be told from a server that is down, and both are tried again. A server
that takes a message and says so later than the realm's SMTP timeout (10 s) gets it twice for the same reason.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from syncd.errors import TargetError, Unreachable
from syncd.targets.directory import SendResult, Sent
from syncd.targets.keycloak_failures import NotSent, answer_failure, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.targets.keycloak_connection import KeycloakConnection, Reply

ABOUT_THE_PERSON = "Invalid address"  # what a realm's settings or a mail server's recovery do not mend


def send_actions(  # noqa: PLR0913 - the parts of one call, all by name
    connection: KeycloakConnection,
    native: str,
    actions: Sequence[str],
    *,
    lifespan: int | None,
    client: str,
    redirect: str,
) -> SendResult:
    """Ask for the mail once; never raises a `TargetError`. `lifespan` in seconds."""
    query: dict[str, object] = {"lifespan": lifespan, "client_id": client, "redirect_uri": redirect}
    try:
        connection.login()  # a failure here is known to come before the mail
        unasked = turned_off(connection, actions)
    except TargetError as error:
        return SendResult(Sent.REFUSED, str(error), temporary=error.retryable)
    if unasked or not actions:
        missing = ", ".join(unasked) or "every action: none was named"
        return SendResult(Sent.REFUSED, f"the realm does not know or has turned off {missing}")
    place = ("users", native, "execute-actions-email")
    try:
        reply = connection.call(
            "PUT", *place, body=list(actions), **{name: value for name, value in query.items() if value}
        )
    except NotSent as error:
        return SendResult(Sent.REFUSED, str(error), temporary=True)
    except Unreachable as error:
        return SendResult(Sent.UNKNOWN, str(error), temporary=True)
    except TargetError as error:
        return SendResult(Sent.REFUSED, str(error))
    return _meaning(connection.name, place, reply)


def turned_off(connection: KeycloakConnection, actions: Iterable[str]) -> list[str]:
    """Actions that Keycloak would name in a mail and then not ask for (or, unknown, refuse)."""
    known = connection.get("authentication", "required-actions")
    asked_for = {action["alias"] for action in known if action["enabled"]}
    return [action for action in actions if action not in asked_for]


def _meaning(name: str, place: tuple[str, ...], reply: Reply) -> SendResult:
    text = explain(reply.body)
    if reply.ok:
        return SendResult(Sent.SENT)
    if reply.status == HTTPStatus.FORBIDDEN:
        return SendResult(Sent.REFUSED, str(answer_failure(name, "PUT", place, reply.status, reply.body)))
    if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return SendResult(Sent.REFUSED, f"Keycloak answered {reply.status} {text}")
    if "Failed to send" in text:
        cure = "; correct the mail theme or the realm's texts" if "template" in text else ""
        return SendResult(Sent.REFUSED, f"Keycloak: {text}{cure}", temporary=ABOUT_THE_PERSON not in text)
    return SendResult(Sent.UNKNOWN, f"Keycloak answered {reply.status} {text}", temporary=True)
