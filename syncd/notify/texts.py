"""What each notice says. Values come from acts and profiles: they are put in as text, never as markup."""

from __future__ import annotations

import unicodedata
from email.message import EmailMessage
from html import escape
from typing import TYPE_CHECKING

from syncd.locale import mark, spoken
from syncd.notify import mapping_texts

if TYPE_CHECKING:
    from syncd.acts import Notice

TEXTS = {
    **mapping_texts.TEXTS,
    "invitation.accepted": (
        mark("{person} accepted your invitation"),
        mark("{person} accepted your invitation to {unit} and now is {role} there."),
    ),
    "invitation.expired": (
        mark("Your invitation to {person} expired"),
        mark("{person} did not answer your invitation to {unit} in time. You can send it again."),
    ),
    "invitation.declined": (
        mark("{person} declined your invitation"),
        mark("{person} does not want to become {role} of {unit}. Nobody is mailed again."),
    ),
    "invitation.cancelled": (
        mark("Your invitation to {person} was cancelled"),
        mark("Your invitation of {person} to {unit} was cancelled. Its link is dead."),
    ),
    "invitation.failed": (
        mark("Your invitation to {person} could not be sent"),
        mark("Your invitation of {person} to {unit} could not be sent: {reason}"),
    ),
    "account.created": (
        mark("Your account for {unit}"),
        mark(
            "An account was made for you as {role} of {unit}. To enter it for the first time, open {url} "
            "and choose “Forgot password?”: you then set a password of your own."
        ),
    ),
    "join.requested": (
        mark("{person} asks to join {unit}"),
        mark("{person} asks to join {unit}. As one of its administrators you can approve or refuse."),
    ),
    "join.approved": (
        mark("You are now {role} of {unit}"),
        mark("Your request to join {unit} was approved: you are {role} there."),
    ),
    "join.refused": (
        mark("Your request to join {unit}"),
        mark("Your request to join {unit} was refused."),
    ),
    "join.lapsed": (
        mark("Your request to join {unit}"),
        mark("Nobody answered your request to join {unit} in time, so it ended. You can ask again."),
    ),
    "transfer.confirm": (
        mark("Please confirm: {unit} gets a new {role}"),
        mark(
            "{heir} is to become {role} of {unit} in your place. Nothing happens until you confirm with this "
            "code: {token}. If you did not ask for this, ignore this mail."
        ),
    ),
    "transfer.done": (
        mark("{unit} has a new {role}"),
        mark("{heir} now is {role} of {unit}."),
    ),
    "link.confirm": (
        mark("Please confirm: you become {role} of {unit}"),
        mark(
            "Somebody redeemed a link with your address. To become {role} of {unit}, open {url} and confirm. "
            "If it was not you, ignore this mail: nothing happens then."
        ),
    ),
    "membership.ending": (
        mark("Your membership in {unit} ends on {until}"),
        mark("You are {role} of {unit} until {until}. Ask its administrators if it is to go on."),
    ),
}
"""Subject and body by what a notice is about."""


def message(notice: Notice, sender: str) -> EmailMessage:
    """The mail for a notice: plain text and the same as HTML; raises KeyError for an unknown subject."""
    values = {name: _line(value) for name, value in notice.values.items()}
    subject, body = (spoken(text, notice.locale).format_map(values) for text in TEXTS[notice.about])
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, notice.to, subject
    mail["Message-ID"] = (
        f"<{notice.id}@syncd.invalid>"  # the same for a second try, so that readers show it once
    )
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body + "\n")
    mail.add_alternative(_html(body), subtype="html")
    return mail


def _html(body: str) -> str:
    """The same paragraphs and lines."""
    paragraphs = (escape(part).replace("\n", "<br>\n") for part in body.split("\n\n"))
    return "".join(f"<p>{part}</p>\n" for part in paragraphs)


def _line(value: str) -> str:
    """One line without control characters: a name must not begin a header or a paragraph of its own."""
    kept = "".join(" " if unicodedata.category(char).startswith(("C", "Z")) else char for char in value)
    return " ".join(kept.split())
