"""What the layers below the screens say, read from the code: a message with its values numbered."""

import ast
import re
from functools import lru_cache
from pathlib import Path

OURS = Path(__file__).parents[3] / "syncd"
SENTENCE = 2  # blanks in a text from which on it is taken for something said
QUIET = {"log", "logger"}  # what is logged is for machines, in one language
SAID_ELSEWHERE = {"_", "gettext", "mark", "ngettext", "mark_plural", "spoken"}
CODE = re.compile(  # no sentence at all
    r"\n|^ {4}|^\*/| \(table\||SELECT|^(GRANT|REVOKE|ALTER|CREATE|DROP|DELETE|INSERT|LOCK|WITH CHECK) |"
    r"^\w+ = |^[a-z_]+: \{\{file|\[\[?[A-Z]|^dict\[|<p>"
)
MAIL = ("Set up your account", "Configurez votre compte")  # goes into a realm, in the realm's languages
NOT_SAID = {" → ", ": , ", "  directory:", "  sso:", "syncd validate {0}", "Failed to send", *MAIL}
FOR_FILES = ("# The operator's file", "What a person may do and where")  # written, not shown
LETTERS = 5  # of its own, in a text with values: with fewer it would fit nearly anything
LAYERS = {
    "input.po": (
        "mapping/*.py", "settings/*.py", "sources/*.py", "identity.py", "plan*.py", "policy.py", "prepare.py",
        "prepare_posix.py", "schedule.py", "app/connections.py", "app/files.py", "app/rosters.py",
        "app/sources.py", "app/timing.py", "app/validation.py",
    ),
    "people.po": (
        "acts.py", "administration*.py", "app/acting.py", "app/office.py", "app/people*.py", "inviting.py",
        "invitations*.py", "membership*.py",
    ),
    "servers.po": (
        "app/__init__.py", "app/directory.py", "app/examination.py", "app/explain.py", "app/http_checks.py",
        "app/mail_checks.py", "app/setup.py", "errors.py", "ldapwire/*.py", "notify/outbox.py", "reasons.py",
        "reconcile.py", "store/*.py", "targets/*.py",
    ),
}  # fmt: skip


@lru_cache
def said(catalogue: str) -> frozenset[str]:
    """Every message of the layers of one catalogue, however short."""
    paths = sorted({path for glob in LAYERS[catalogue] for path in OURS.glob(glob)})
    return frozenset(text for path in paths for text in _texts(ast.parse(path.read_text("utf-8"))))


def sentences(catalogue: str) -> list[str]:
    """The messages that must be in the catalogue: those that are sentences."""
    return sorted(text for text in said(catalogue) if _is_sentence(text))


def _is_sentence(text: str) -> bool:
    letters = sum(char.isalpha() for char in text)
    fits_anything = "{0}" in text and letters < LETTERS
    written = text in NOT_SAID or text.startswith(FOR_FILES) or CODE.search(text)
    return text.count(" ") >= SENTENCE and not written and not fits_anything


def _texts(tree: ast.Module) -> list[str]:
    quiet = {id(inner) for node in ast.walk(tree) if _is_quiet(node) for inner in ast.walk(node)}
    quiet |= {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        for inner in ast.walk(part)
        if isinstance(part, ast.Constant) or not isinstance(inner, ast.JoinedStr | ast.Constant)
    }
    return [
        _template(node)
        for node in ast.walk(tree)
        if id(node) not in quiet and isinstance(node, ast.JoinedStr | ast.Constant) and _template(node)
    ]


def _is_quiet(node: ast.AST) -> bool:
    """Docstrings and other bare texts, annotations, what is logged, and what gettext has already."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        return isinstance(called.value, ast.Name) and called.value.id in QUIET
    return isinstance(called, ast.Name) and called.id in SAID_ELSEWHERE


def _template(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return _escaped(node.value) if isinstance(node.value, str) else ""
    parts, count = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(_escaped(str(part.value)))
        else:
            parts.append(f"{{{count}}}")
            count += 1
    return "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
