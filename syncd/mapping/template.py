"""Templates such as `cn={role},{unit}` and `{name|slug|max:32}`: parsed once, rendered for each unit.

A placeholder takes filters from left to right. Values are escaped for the place where they land;
names that are rendered already (`parent`, `unit`, `base`, `people_base`) are not escaped again.
`{{` and `}}` stand for the braces themselves.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from syncd.mapping.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Values = Mapping[str, str | tuple[str, ...]]
    Escape = Callable[[str], str]

UNIT_NAMES = frozenset(
    {"path", "name", "id", "title", "kind", "mapping", "parent", "base", "environment"},
)
GROUP_NAMES = UNIT_NAMES | {"role", "role_id", "unit"}
PERSON_NAMES = frozenset(
    {"username", "email", "given_name", "family_name", "base", "people_base", "mapping", "environment"},
)
ATTRIBUTE = "attributes."
RENDERED = frozenset({"parent", "unit", "base", "people_base"})

# Letters that Unicode does not take apart into a base letter and a mark.
_LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
    },
)  # fmt: skip


class TemplateError(ValueError):
    """A template that cannot be read; `hint` is what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MissingValue(LookupError):
    """A placeholder that has no value here; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{{{name}}} has no value")
        self.name = name


def to_ascii(text: str) -> str:
    """The text in ASCII: marks are dropped, ligatures spelt out, letters of other scripts left out."""
    parts = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return parts.encode("ascii", "ignore").decode("ascii")


def slug(text: str) -> str:
    """Lower-case ASCII letters and digits with single hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", to_ascii(text).lower()).strip("-")


FILTERS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "ascii": to_ascii,
    "slug": slug,
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One placeholder: what it names, how a path is joined (`None`: by `/`), and the filters."""

    name: str
    separator: str | None = None
    filters: tuple[str, ...] = ()
    limit: int | None = None

    def fill(self, values: Values, escape: Escape) -> str:
        """The escaped value; raises `MissingValue` where there is none or the filters leave nothing."""
        value = values.get(self.name, "")
        if self.name in RENDERED:
            filled = self._cut(self._filtered(self._joined(value)))
        elif self._is_path(value):
            filled = "/".join(escape(self._filtered(part)) for part in value)
        else:
            filled = escape(self._cut(self._joined(value, each=self._filtered)))
        if not filled:
            raise MissingValue(self.name)
        return filled

    def _is_path(self, value: str | tuple[str, ...]) -> bool:
        return (
            self.name == "path"
            and self.separator is None
            and self.limit is None
            and not isinstance(value, str)
        )

    def _joined(self, value: str | tuple[str, ...], each: Callable[[str], str] = str) -> str:
        if isinstance(value, str):
            return each(value)
        default = "/" if self.name == "path" else ", "
        return (default if self.separator is None else self.separator).join(map(each, value))

    def _filtered(self, text: str) -> str:
        for name in self.filters:
            text = FILTERS[name](text)
        return text

    def _cut(self, text: str) -> str:
        return text if self.limit is None else text[: self.limit].rstrip(" -")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; `names` are the placeholders it uses."""

    text: str
    parts: tuple[str | Slot, ...]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders used."""
        return frozenset(part.name for part in self.parts if isinstance(part, Slot))

    def render(self, values: Values, escape: Escape = str) -> str:
        """The text with every placeholder filled; raises `MissingValue` for the first without a value.

        A path is a tuple; so is an attribute with several values, which are joined by `, `.
        """
        return "".join(part if isinstance(part, str) else part.fill(values, escape) for part in self.parts)

    def render_each(self, values: Values, escape: Escape = str) -> tuple[str, ...]:
        """One text for each value of the first attribute named that has several; else one text."""
        for part in self.parts:
            if isinstance(part, Slot) and part.name.startswith(ATTRIBUTE):
                several = values.get(part.name, "")
                if not isinstance(several, str) and len(several) > 1:
                    return tuple(self.render({**values, part.name: one}, escape) for one in several)
        return (self.render(values, escape),)


_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<slot>[^{}]*)\}|(?P<stray>[{}])|(?P<text>[^{}]+)")


@lru_cache(maxsize=4096)
def parse(text: str, known: frozenset[str] = GROUP_NAMES) -> Template:
    """The template that `text` writes; `known` are the placeholders with a meaning where it stands.

    `attributes.NAME` is known everywhere. Raises `TemplateError` with a suggestion.
    """
    parts: list[str | Slot] = []
    for match in _TOKEN.finditer(text):
        if match["stray"]:
            raise TemplateError(
                f'a "{match["stray"]}" without its partner in "{text}"', "double it to mean the sign"
            )
        if match["slot"] is None:
            parts.append(match["text"] or match[0][0])
        else:
            parts.append(_slot(match["slot"], known))
    return Template(text, tuple(parts))


def _slot(written: str, known: frozenset[str]) -> Slot:
    head, *filters = written.split("|")
    name, colon, separator = head.partition(":")
    if name not in known and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
        raise TemplateError(f"unknown placeholder {{{name}}}", _name_hint(name, known))
    if colon and name != "path":
        raise TemplateError(f"only {{path:…}} takes a separator, not {{{name}:…}}")
    names, limit = _filters(filters)
    return Slot(name, separator if colon else None, names, limit)


def _name_hint(name: str, known: frozenset[str]) -> str:
    close = did_you_mean(name, known)
    if close:
        return close
    listed = ", ".join(f"{{{each}}}" for each in sorted(known))
    return f"here one may write {listed}, {{attributes.NAME}}"


def _filters(written: list[str]) -> tuple[tuple[str, ...], int | None]:
    names: list[str] = []
    limit: int | None = None
    for one in written:
        name, _, argument = one.strip().partition(":")
        if name == "max" and re.fullmatch(r"[1-9]\d{0,3}", argument):
            limit = int(argument) if limit is None else min(limit, int(argument))
        elif name == "max":
            raise TemplateError(f'filter "{one}" needs a number', "for example |max:32")
        elif name not in FILTERS or argument:
            raise TemplateError(f'unknown filter "{one.strip()}"', did_you_mean(name, (*FILTERS, "max")))
        else:
            names.append(name)
    return tuple(names), limit
