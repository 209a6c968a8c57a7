"""Plans, runs, problems and lists → text, Markdown, GitHub annotations, JSON.

`page` is the neutral form; `plan`, `tables` and `problems` make pages, `text` and `markdown` print them,
`documents` is the JSON. Nothing here decides or reads anything.
"""

from syncd.render.documents import (
    document,
    error_document,
    plan_document,
    plan_from_document,
    report_document,
)
from syncd.render.page import Block, Page, Tone, visible
from syncd.render.plan import plan_page

__all__ = [
    "Block",
    "Page",
    "Tone",
    "document",
    "error_document",
    "plan_document",
    "plan_from_document",
    "plan_page",
    "report_document",
    "visible",
]
