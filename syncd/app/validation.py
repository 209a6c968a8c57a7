"""Checking mappings without a server and, where no operator's file is at hand, without settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.administration_settings import in_words
from syncd.app import files
from syncd.app.timing import wrong_times
from syncd.app_types import ValidationResult
from syncd.errors import MappingInvalid, Problem
from syncd.mapping import check_parts, outputs, parts
from syncd.mapping.read import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.errors import Place
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.read import Loaded
    from syncd.settings import Settings


def validate_paths(
    paths: Sequence[Path], *, settings: Settings | None = None, names: Sequence[str] = ()
) -> ValidationResult:
    """Check each mapping, and all of them against each other; CSV rosters are read, no server is asked.

    What a server would have to tell is left open, as in a run in which it cannot be read; a note names it,
    and what is declared without effect.
    """
    problems: list[Problem] = []
    compiled: dict[str, Compiled] = {}
    notes: list[str] = []
    for index, path in enumerate(paths):
        name = names[index] if names else (path.stem if path.is_file() else path.resolve().name)
        try:
            compiled[name], found = _checked(path, name, settings)
            notes += found
            problems += compiled[name].warnings
        except MappingInvalid as error:
            problems += error.problems
    environment = settings.environment if settings else "any"
    reach = {name: files.reach_of(settings, name) for name in compiled} if settings else {}
    problems += outputs.clashes(
        {
            name: outputs.claims(one, environment, reach.get(name, outputs.NO_LIMIT))
            for name, one in compiled.items()
        }
    )
    problems += wrong_times(settings) if settings else []
    return ValidationResult(
        problems=tuple(sorted(set(problems))),
        sources=_lines({problem.place.file for problem in problems} - _secretive(settings)),
        mappings=len(paths),
        units=sum(len(one.units) for one in compiled.values()),
        people=sum(len(one.people) for one in compiled.values()),
        assignments=sum(len(one.assignments) for one in compiled.values()),
        notes=tuple(notes),
    )


def _checked(path: Path, name: str, settings: Settings | None) -> tuple[Compiled, list[str]]:
    loaded = files.load_mapping(settings, name) if settings else load(path, name=name)
    compiled, sources = files.compiled_mapping(
        loaded,
        folder=files.folder_of(path),
        directories=settings.sources if settings else None,
        network=None,
        store=None,
        mapping=name,
        now=datetime.now(UTC),
    )
    if settings:
        files.check_reach(settings, name, loaded, compiled)
    elif problems := _errors(compiled, check_parts.place_of(loaded.places, loaded.places.at(("policy",)))):
        raise MappingInvalid(problems)
    unread = [
        f"{name}: {source} is not read here; who comes from it is not checked" for source in sources.unread
    ]
    return compiled, [*unread, *_declared(name, loaded)]


def _declared(name: str, loaded: Loaded) -> Iterator[str]:
    """What the files say that syncd shows and does nothing about."""
    for role, model in loaded.document.roles.items():
        if model.creator:
            place = loaded.places.at(("roles", role, "creator"))
            yield f"{name}: roles.{role}.creator ({place}) has no effect: no act makes a unit"
    if authentication := loaded.document.settings.authentication:
        place = loaded.places.at(("settings", "authentication"))
        yield f"{name}: settings.authentication ({place}) is only shown: {in_words(authentication)}"


def _errors(compiled: Compiled, split: Place) -> list[Problem]:
    found = [one for one in outputs.problems(compiled, "any") if one.severity == "error"]
    if found or not parts.splits(compiled.policy):
        return found
    return check_parts.problems(compiled, "any", outputs.NO_LIMIT, split)


def _secretive(settings: Settings | None) -> set[str]:
    """The operator's file is named, never quoted: its lines may hold a secret."""
    return {str(settings.file)} if settings else set()


def _lines(names: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """The text of every file in which a problem lies, for the line and its caret."""
    found = {}
    for name in names:
        try:
            found[name] = Path(name).read_text("utf-8", errors="replace").splitlines()
        except OSError:
            continue
    return found
