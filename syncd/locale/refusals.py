"""Refusals of acts, which are told part by part: who may not do what, why, by which rule, and what to do.

Each part is a message of its own, and holds names, roles and places in any number, so that no pattern of
the whole can say where one ends. What stands between names is told last, word by word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from syncd.locale import mark, spoken

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = re.compile(r"((?:the operator|.+? \(.+?\)) may not .+?): (.+) \(([^()]+)\)(?:; (.+))?")
RULE = re.compile(r"(.+?)(, \S+:\d+:\d+)?")
WHOLE, REMEDY = mark("{what}: {why} ({rule})"), mark("{refusal}; {remedy}")
QUOTED = mark('"{name}"')
STATES = (mark("active"), mark("pending"), mark("disabled"))
WORDS = (
    (re.compile(r'(?<=[")] )(or|and)(?= ")|(?<=\w )(or)(?= \w+(?: or|$))'), (mark("or"), mark("and"))),
    (
        re.compile(r'(?<= )(in)(?= /)|(?<= )(has)(?= ")|(?<= )(by)(?= ")'),
        (mark("in"), mark("has"), mark("by")),
    ),
    (re.compile(r'(?<=" )(of)(?= )'), (mark("of"),)),
    (re.compile(rf"(?<= )(is)(?= \"| (?:{'|'.join(STATES)})\b)"), (mark("is"),)),
    (re.compile(rf"\b({'|'.join(STATES)})(?=,|$)"), STATES),
    (re.compile(r"(?<=\()(by this act|by an act)(?=\))"), (mark("by this act"), mark("by an act"))),
    (re.compile(r"\b(by transfer|by files)$"), (mark("by transfer"), mark("by files"))),
    (re.compile(r"\b(a role)(?= \S+ /)|^(somebody)(?= \()"), (mark("a role"), mark("somebody"))),
    (re.compile(r"^(the memberships|the invitation)$"), (mark("the memberships"), mark("the invitation"))),
)
"""What stands between names, where it stands, and that it is to be translated."""


def told_in_parts(line: str, told: Callable[[str], str], language: str) -> str:
    """A refusal in a language, its parts by `told`; empty for a line that is none."""
    found = SHAPE.fullmatch(line) if " may not " in line else None
    if found is None:
        return ""
    what, why, rule, remedy = found.groups()
    named, place = RULE.fullmatch(rule).groups()  # type: ignore[union-attr]  # it fits whatever is not empty
    said = [_words(told(part), language) for part in (what, why, named, remedy or "")]
    whole = spoken(WHOLE, language).format(what=said[0], why=said[1], rule=said[2] + (place or ""))
    return spoken(REMEDY, language).format(refusal=whole, remedy=said[3]) if remedy else whole


def _words(text: str, language: str) -> str:
    text = re.sub("« ?([^»]+?) ?»", r'"\1"', text)
    for shape, _ in WORDS:
        text = shape.sub(lambda found: spoken(found[0], language), text)  # a quoted state is the file's word
    return re.sub('"([^"]+)"', lambda found: spoken(QUOTED, language).format(name=found[1]), text)
