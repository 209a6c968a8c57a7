"""What a maintainer needs to help, collected so that it can be handed over: no secret, nobody's address.

Every part is collected by itself: what cannot be read is there as the message that says why. Names of
units, servers and mappings stay, since without them nobody can help.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from syncd import settings as settings_module
from syncd.app import App
from syncd.errors import SyncdError
from syncd.render.documents import document, error_document
from syncd.settings.models import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

RUNS = 200
_ADDRESS = re.compile(r"[\w.+'-]+@(?=[\w-])")


def collected(config: Path | None, pages: Callable[[App], dict[str, str]]) -> dict[str, str]:
    """File name → text; `pages` are what a running daemon answers, by file name."""
    parts: dict[str, Any] = {"program.json": _program()}
    hidden: Sequence[str] = ()
    try:
        settings = settings_module.load(config)
    except SyncdError as error:
        parts["error.json"] = error_document(error)
    else:
        hidden = settings.revealed()
        app = App(settings)
        try:
            parts |= _told(app) | pages(app)
        finally:
            app.close()
    clean = _Cleaner(hidden)
    return {name: clean(part if isinstance(part, str) else _text(part)) for name, part in parts.items()}


def _told(app: App) -> dict[str, Any]:
    """Everything that syncd tells of itself."""
    asked: dict[str, Callable[[], Any]] = {
        "settings.json": lambda: document("settings", settings=app.settings.origins()),
        "status.json": lambda: document("status", mappings=app.status()),
        "doctor.json": lambda: document("checks", checks=app.doctor()),
        "validation.json": lambda: document("validation", problems=app.validate().problems),
        "runs.json": lambda: document("runs", runs=app.runs(RUNS)),
        "plans.json": lambda: document("plans", plans=app.plans()),
        "audit.json": lambda: document("audit", breaks=app.verify_audit()),
        "store.json": lambda: document("store", faults=app.db_check()),
    }
    return {name: _guarded(ask) for name, ask in asked.items()}


def _guarded(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except SyncdError as error:
        return error_document(error)


def _program() -> dict[str, Any]:
    return document(
        "program",
        python=sys.version,
        system=platform.platform(),
        packages=sorted(f"{one.name} {one.version}" for one in distributions()),
        variables=sorted(name for name in os.environ if name.startswith(("SYNCD_", "OTEL_"))),
    )


def _text(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False, indent=2) + "\n"


class _Cleaner:
    """Takes secrets out, and turns who stands before an @ into a name that is good for this bundle only."""

    def __init__(self, hidden: Sequence[str]) -> None:
        escaped = {json.dumps(one, ensure_ascii=only)[1:-1] for one in hidden for only in (False, True)}
        forms = {*hidden, *escaped, *(quote(one, safe="") for one in hidden)}
        # The longest first: one secret may be a part of another.
        self._hidden = [form for form in sorted(forms, key=len, reverse=True) if form]
        self._salt = secrets.token_bytes(16)

    def __call__(self, text: str) -> str:
        for form in self._hidden:
            text = text.replace(form, MASK)
        return _ADDRESS.sub(self._stranger, text)

    def _stranger(self, found: re.Match[str]) -> str:
        digest = hashlib.sha256(self._salt + found[0].lower().encode()).hexdigest()
        return f"person-{digest[:8]}@"
