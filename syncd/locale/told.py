"""What the layers below the screens say, in the language in force.

Those layers speak English and know of no language: their messages are stored, compared and logged. So a
message is recognised by its pattern when it is shown. The catalogues hold the patterns as the code writes
them, values numbered `{0}`, `{1}`, and `{{name}}` where the code fills it in later. A text that fits none is
told part by part, as `DN: words of LDAP (code); remedy`. What is no message either, values too, is shown as
it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING, NamedTuple

from syncd import locale
from syncd.locale.refusals import told_in_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CATALOGUES = ("input.po", "people.po", "servers.po")
LATER = re.compile(r"\{\{([a-z]\w*)\}\}")
BETWEEN = re.compile(r"(: |; | \(\d+\))")  # what stands between messages that the code puts together
INDEXED = 4  # characters of a pattern's beginning by which it is found


class Pattern(NamedTuple):
    """One message: what it looks like, and how it is said; `weight` puts those that say more first."""

    weight: int
    shape: re.Pattern[str]
    order: tuple[int, ...]  # which value each group of the shape holds
    said: str


def told(text: str) -> str:
    """`text` in the language in force, line by line; as it is where no catalogue knows it."""
    return told_in(locale.language(), text)


def told_in(language: str, text: str) -> str:
    """`text` in `language`, whatever the process speaks: mails speak their reader's."""
    if not text or language == locale.LANGUAGES[0]:
        return text
    return "\n".join(_told(language, line) for line in text.split("\n"))


@lru_cache(maxsize=10_000)
def _told(language: str, line: str) -> str:
    patterns = _patterns(language)
    bare = line.strip()
    if refusal := told_in_parts(bare, lambda part: _told(language, part), language):
        return refusal
    for pattern in (*patterns.get(bare[:INDEXED], ()), *patterns.get("", ())):
        if found := pattern.shape.fullmatch(bare):
            values = [
                _told(language, value) if " " in value else value
                for _, value in sorted(zip(pattern.order, found.groups(), strict=True))
            ]
            before, after = line[: len(line) - len(line.lstrip())], line[len(line.rstrip()) :]
            return before + pattern.said.strip().format(*values) + after
    parts = BETWEEN.split(line)
    if len(parts) > 1:
        parts[::2] = (_told(language, part) for part in parts[::2])
    return "".join(parts)


@lru_cache
def _patterns(language: str) -> Mapping[str, Sequence[Pattern]]:
    """Every pattern under the beginning that it fixes, those that fix none under nothing."""
    indexed: defaultdict[str, list[Pattern]] = defaultdict(list)
    for written, said in map(_numbered, _catalogue(language)):
        parts = list(Formatter().parse(written.strip()))
        literal = [text for text, _field, _format, _conversion in parts]
        shape = "".join(
            re.escape(text) + ("(.+?)" if field is not None else "")
            for text, field, _format, _conversion in parts
        )
        order = tuple(int(field) for _text, field, _format, _conversion in parts if field is not None)
        start = literal[0] if len(literal[0]) >= INDEXED else ""
        indexed[start[:INDEXED]].append(
            Pattern(-sum(map(len, literal)), re.compile(shape, re.DOTALL), order, said)
        )
    return {start: sorted(found, key=lambda one: one.weight) for start, found in indexed.items()}


def _numbered(pair: tuple[str, str]) -> tuple[str, str]:
    """Both texts with what is filled in later as further numbered values, in the order of the English."""
    written, said = pair
    first = sum(field is not None for _text, field, _format, _conversion in Formatter().parse(written))
    for number, name in enumerate(LATER.findall(written), first):
        written = written.replace(f"{{{{{name}}}}}", f"{{{number}}}", 1)
        said = said.replace(f"{{{{{name}}}}}", f"{{{number}}}", 1)
    return written, said


def _catalogue(language: str) -> Iterator[tuple[str, str]]:
    from babel.messages.pofile import read_po  # noqa: PLC0415 - English, the usual case, starts without Babel

    for name in CATALOGUES:
        source = files(locale) / language / "LC_MESSAGES" / name
        if source.is_file():
            with source.open("rb") as text:
                yield from (
                    (str(message.id), str(message.string))
                    for message in read_po(text, locale=language)
                    if message.id and message.string
                )
