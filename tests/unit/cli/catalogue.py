"""What the code and click ask the catalogue for."""

from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

KEYWORDS = {"_": None, "gettext": None, "mark": None, "ngettext": (1, 2), "mark_plural": (1, 2)}
OURS = Path(__file__).parents[3] / "syncd"
CLICK = Path(click.__file__).parent
CLICK_FILES = ("exceptions.py", "formatting.py", "types.py", "parser.py")
CLICK_CORE = {  # of click.core, what is not said to its programmers only
    "Options",
    "Commands",
    "required",
    "default: {default}",
    "Missing command.",
    "Show this message and exit.",
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Takes {nargs} values but 1 was given.", "Takes {nargs} values but {len} were given."),
}


def wanted() -> Catalog:
    """Every message of ours, and of those of click's that an administrator can meet."""
    catalogue = Catalog(locale="fr", domain="syncd", project="syncd", charset="utf-8")
    for part in ("cli", "locale", "notify", "render", "web"):
        for name, line, message, _comments, _context in extract_from_dir(OURS / part, keywords=KEYWORDS):
            catalogue.add(message, locations=[(f"syncd/{part}/{name}", line)])
    for name, line, message, _comments, _context in extract_from_dir(CLICK, keywords=KEYWORDS):
        if name in CLICK_FILES or message in CLICK_CORE:
            catalogue.add(message, locations=[(f"click/{name}", line)])
    return catalogue
