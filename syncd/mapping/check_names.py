"""PURE: which names a unit may have, and which two names people would take for one."""

from __future__ import annotations

import unicodedata

MAX_NAME = 120


def name_fault(name: str) -> str:
    """What is wrong with the name of a unit, as the end of a sentence; empty where nothing is."""
    if not name:
        return "is empty"
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if name != name.strip():
        return "begins or ends with a blank"
    if "/" in name:
        return "holds a /"
    if not name.isprintable():
        unprintable = next(sign for sign in name if not sign.isprintable())
        return f"holds U+{ord(unprintable):04X}, which cannot be seen"
    return ""


def folded(name: str) -> str:
    """The name without case, width and Unicode form: equal for names that look the same."""
    once = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", once).casefold()


def fold_address(text: str) -> str:
    """An address with ASCII A-Z folded, and nothing else; other texts as they are."""
    if "@" not in text:
        return text
    return (
        text.lower() if text.isascii() else "".join(sign.lower() if sign.isascii() else sign for sign in text)
    )
