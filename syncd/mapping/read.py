"""Reading a mapping: files → trees → one tree → document, with everything that is wrong told at once.

No network is touched and nothing is guessed: what cannot be understood is refused with its place.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.errors import MappingInvalid, Place, Problem
from syncd.mapping.check import check, independent
from syncd.mapping.files import SourceFile, read_files
from syncd.mapping.merge import merge, plurals_in
from syncd.mapping.places import Places
from syncd.mapping.reach import FileLimits, apply_settings, beyond_reach
from syncd.mapping.structure import check_structure
from syncd.mapping.tree import MAX_BYTES, Node, parse
from syncd.mapping.validate import validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from syncd.mapping.schema import MappingDocument

VERSION = "1"
OPERATOR = Place("syncd.yaml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid mapping: what it says, where it says it, its files by name, and what is doubtful in it."""

    document: MappingDocument
    places: Places
    files: tuple[str, ...]
    digest: str
    warnings: tuple[Problem, ...] = ()


def load(  # noqa: PLR0913  three of them come from the operator's file, each with its default
    path: str | Path,
    *,
    name: str,
    files: Mapping[str, FileLimits | Mapping[str, Any]] | None = None,
    set_: Mapping[str, Any] | None = None,
    max_bytes: int = MAX_BYTES,
    operator: Place = OPERATOR,
) -> Loaded:
    """Read the mapping at `path`, one file or a folder.

    `name` is its id unless it gives one itself. `files` and `set_` are the operator's (syncd.yaml),
    whose place is `operator`; `max_bytes` limits each file. Raises `MappingInvalid` with every
    problem, errors and warnings, sorted by place.
    """
    sources, problems = read_files(path, max_bytes)
    trees = [_tree(source, problems) for source in sources]
    usable = [tree for tree in trees if tree is not None]
    if not usable or len(usable) < len(trees):
        raise MappingInvalid(problems)
    rows = {glob: FileLimits.model_validate(row) for glob, row in (files or {}).items()}
    plurals = plurals_in(usable)
    for tree, source in zip(usable, sources, strict=True):
        problems += beyond_reach(tree, source.relative, rows, plurals)
    merged = merge(usable, plurals)
    problems += merged.problems
    problems += apply_settings(merged.root, set_ or {}, operator)
    places = Places(merged.root, plurals, merged.prefixes)
    document = _understand(places, name, problems)
    if document is None or any(problem.severity == "error" for problem in problems):
        raise MappingInvalid(dict.fromkeys(problems))
    names = tuple(source.name for source in sources)
    return Loaded(document, places, names, _digest(sources, set_ or {}), tuple(sorted(problems)))


def digest_of(path: str | Path, set_: Mapping[str, Any] | None = None) -> str:
    """The digest that `load` would give these files, without looking into them; "" where it would refuse."""
    sources, problems = read_files(path, MAX_BYTES)
    return "" if problems else _digest(sources, set_ or {})


def _understand(places: Places, name: str, problems: list[Problem]) -> MappingDocument | None:
    problems += check_structure(places)
    document, wrong = validate(places)
    problems += wrong
    if document is None:
        return None
    document = document if document.mapping else document.model_copy(update={"mapping": name})
    problems += independent(check(document, places), wrong)
    return document


def _tree(source: SourceFile, problems: list[Problem]) -> Node | None:
    """The tree of one file, where it is a mapping of this format version."""
    tree, wrong = parse(source.raw, source.name)
    problems += wrong
    if tree is None:
        if not wrong:
            problems.append(_no_version(Place(source.name), "the file is empty"))
        return None
    if not isinstance(tree.content, dict):
        problems.append(_no_version(tree.value_place, "expected keys and values"))
        return None
    version = tree.content.get("syncd")
    if version is None:
        problems.append(_no_version(Place(source.name), 'the key "syncd" is missing'))
        return None
    if version.content != VERSION:
        message = f'unknown format version "{version.content if isinstance(version.content, str) else ""}"'
        problems.append(Problem(version.value_place, "syncd", message, f"this syncd reads version {VERSION}"))
        return None
    return tree


def _no_version(place: Place, message: str) -> Problem:
    return Problem(place, "", message, f"every file begins with `syncd: {VERSION}`")


def _digest(sources: Sequence[SourceFile], set_: Mapping[str, Any]) -> str:
    """SHA-256 over names, contents and the operator's values."""
    digest = hashlib.sha256(json.dumps(dict(set_), sort_keys=True, default=str).encode())
    for source in sources:
        digest.update(f"\0{source.relative}\0{len(source.raw)}\0".encode())
        digest.update(source.raw)
    return digest.hexdigest()
