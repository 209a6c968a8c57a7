"""What an invitation's mail says, as attributes of the account: the one thing a mail template can read.

Keycloak gives a template the account and nothing of the call, so organization, role, inviter, expiry and
kind wait on the account. Names come from files and people; a link in one would be a link in a mail that
the realm vouches for, so links and control characters are taken out before they are stored.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.targets.directory import MailFacts

PREFIX = "syncd.mail."
MAIL_ATTRIBUTES = tuple(PREFIX + name for name in ("organization", "role", "inviter", "expires", "kind"))
LONGEST = 255

_ADDRESS = re.compile(r"[^\s@/:]+@[^\s@/:]+")
_LINK = re.compile(r"\S*:/\S*|\b(?:mailto|javascript|data|tel):\S+|\S*www\.\S*", re.IGNORECASE)
_HOST_WITH_PATH = re.compile(r"[^\s/]+\.[^\W\d_]{2,}(?::\d+)?[/?#]\S*")
_DOT_OF_A_HOST = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_]{2,}\b)")


def mail_attributes(facts: MailFacts) -> dict[str, tuple[str, ...]]:
    """Every mail attribute with its value, empty where the facts say nothing."""
    expires = f"{facts.expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if facts.expires else ""
    values = {
        "organization": harmless(facts.organization),
        "role": harmless(facts.role),
        "inviter": harmless(facts.inviter),
        "expires": expires,
        "kind": harmless(facts.kind),
    }
    return {PREFIX + name: (value,) if value else () for name, value in values.items()}


def harmless(text: str) -> str:
    """Text in which no mail program finds a link: one line, at most 255 characters.

    Control and invisible characters become spaces; links go; the dots of what looks like a host become
    spaces, except where the whole text is one address. Keycloak looks up `${name}` in what a message is
    given, so no such opening stays.
    """
    line = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    line = unicodedata.normalize("NFC", " ".join(line.replace("${", "$ {").split()))
    if not _ADDRESS.fullmatch(line):
        line = _DOT_OF_A_HOST.sub(" ", _HOST_WITH_PATH.sub(" ", _LINK.sub(" ", line)))
        line = " ".join(line.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
