"""English and French: gettext, with catalogues compiled in memory.

The `.po` files are the only form kept, so that a catalogue and what is shown cannot differ. English is
the text in the code and needs no catalogue; French is compiled once a process, the first time it is used.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "fr")


class _Choice:
    """The language in force; one per process, as a command speaks one language."""

    language = "en"
    catalogue: NullTranslations = NullTranslations()


def use(language: str) -> None:
    """Speak `language` (en or fr) from now on; anything else means English."""
    _Choice.language = language if language in LANGUAGES else "en"
    _Choice.catalogue = _catalogue(_Choice.language)


def language() -> str:
    """The language in force."""
    return _Choice.language


def from_environment(environ: Mapping[str, str]) -> str:
    """The language that LC_ALL, LC_MESSAGES or LANG asks for, in POSIX order; English if none is ours."""
    wanted = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    tag = wanted.partition(".")[0].partition("_")[0].lower()
    return tag if tag in LANGUAGES else "en"


def gettext(message: str) -> str:
    """`message` in the language in force; the empty text stays empty (in a catalogue it is the header)."""
    return _Choice.catalogue.gettext(message) if message else ""


def spoken(message: str, language: str) -> str:
    """`message` in `language`, whatever the process speaks: mails speak their reader's."""
    return _catalogue(language).gettext(message) if language in LANGUAGES else message


def ngettext(one: str, many: str, count: int) -> str:
    """The form for `count`, in the language in force."""
    return _Choice.catalogue.ngettext(one, many, count)


def mark(message: str) -> str:
    """Mark a text for translation where it is written; `gettext` is called where it is shown."""
    return message


def mark_plural(one: str, many: str) -> tuple[str, str]:
    """Mark the two forms of a count for translation; `ngettext` is called where it is shown."""
    return one, many


def number(value: int) -> str:
    """`value` with the thousands separator of the language in force (no-break, so that tables keep)."""
    return (
        f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if _Choice.language == "fr" else f"{value:,}"
    )


@lru_cache
def _catalogue(language: str) -> NullTranslations:
    source = files(__name__) / language / "LC_MESSAGES" / "syncd.po"
    if not source.is_file():
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - English, the usual case, starts without Babel
    from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

    compiled = BytesIO()
    with source.open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
