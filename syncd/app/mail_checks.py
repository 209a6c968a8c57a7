"""What `doctor` says of syncd's own mails: whether anybody is to get one, and the server takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.app.people import outbox
from syncd.errors import SyncdError
from syncd.model import Check
from syncd.notify import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import MappingDocument
    from syncd.settings import Settings

NAME = "own mails"


def mail_checks(settings: Settings, mappings: Mapping[str, Compiled]) -> Iterator[Check]:
    """One line where there is a mail server, or where one is missing; nothing is sent."""
    wanting = [name for name, compiled in mappings.items() if _mails(compiled.document)]
    if settings.smtp is None:
        if settings.notify.mail or wanting:
            whom = ", ".join([*(["`notify`"] if settings.notify.mail else []), *wanting])
            said = f"syncd.yaml names no mail server, and these ask for mails: {whom}"
            yield Check(NAME, "warn", said, "add `smtp: {host: …, from: …}`")
        return
    place = f"{settings.smtp.host}:{settings.smtp.port}"
    try:
        way = outbox(settings)
        if way is not None:
            way.check()
    except NotDelivered as error:
        yield Check(NAME, "fail", str(error), "see `smtp` in syncd.yaml; notices wait until it answers")
    except SyncdError as error:
        yield Check(NAME, "fail", error.message, error.remedy)
    else:
        yield Check(NAME, "ok", f"{place} takes mails from {settings.smtp.from_}")


def _mails(document: MappingDocument) -> bool:
    """Whether syncd itself, and not Keycloak, mails people for the mapping."""
    invitations, joining, transfer = document.invitations, document.joining, document.transfer
    return (
        bool(invitations.notify.inviter)
        or invitations.activation == "self_reset"
        or (joining is not None and joining.notify == "email")
        or (transfer is not None and transfer.confirm_by != "nobody")
    )
