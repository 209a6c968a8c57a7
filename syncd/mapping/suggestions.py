"""The word that was probably meant, from the words that are known."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FEW = 8
MANY = 500  # beyond, only words that begin alike are compared: a wrong name among many units costs little


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, if one is like it; case counts little."""
    folded = word.casefold()
    by_folded = {each.casefold(): each for each in sorted(known)}
    if len(by_folded) > MANY:
        by_folded = {each: name for each, name in by_folded.items() if each[:3] == folded[:3]}
    matches = get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question with the closest known word, or the empty text."""
    found = closest(word, known)
    return f'did you mean "{found}"?' if found else ""


def meant_or_listed(word: str, known: Iterable[str]) -> str:
    """The closest known word as a question; without one, all of them where they are few."""
    words = sorted(known)
    question = did_you_mean(word, words)
    if question or not words or len(words) > FEW:
        return question
    return f"one of {', '.join(words)}" if len(words) > 1 else f"there is only {words[0]}"
