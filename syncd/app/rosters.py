"""Rosters and directory groups, read and judged: a bad read is replaced by the last good copy.

A copy is kept only when a run with it was confirmed (`Sources.keep`), so that a roster cannot shrink in
small steps between two runs that nobody saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import MappingInvalid, Problem
from syncd.model import SourceHealth
from syncd.sources import copies, health
from syncd.sources.csv import CsvFormat, read_csv
from syncd.sources.http import read_http
from syncd.sources.ldap import DirectoryQuery, read_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from syncd.mapping.compile import Needs
    from syncd.mapping.members_select import GroupRef
    from syncd.mapping.read import Loaded
    from syncd.mapping.schema import CsvSource, MappingDocument, RosterModel
    from syncd.roster import Roster
    from syncd.sources.http import HttpServer
    from syncd.sources.ldap import Entry
    from syncd.store import Store


def csv_format(model: RosterModel, dates: frozenset[str] = frozenset()) -> CsvFormat:
    """How the rows of a roster are written, and which columns it must have; `dates` hold dates."""
    columns = frozenset(model.columns.values())
    return CsvFormat(model.delimiter, model.encoding, model.date_format, columns, model.key or "", dates)


def csv_files(document: MappingDocument, folder: Path, directories: Mapping[str, Path]) -> list[Path]:
    """The files that rosters are read from, wherever they are and whatever they are called."""
    return [_file(one.csv, folder, directories) for one in document.rosters.values() if one.csv is not None]


def _file(csv: CsvSource, folder: Path, directories: Mapping[str, Path]) -> Path:
    return (directories[csv.source] if csv.source else folder) / csv.file


@dataclass(frozen=True, slots=True)
class Network:
    """How sources on other machines are read; an HTTP server is found by its connection's name."""

    fetch: Callable[[DirectoryQuery], Iterable[Entry]]
    http: Callable[[str], HttpServer]


@dataclass(frozen=True, slots=True)
class Sources:
    """Every source of one mapping as this run uses it; `unread` says which could not be read here at all."""

    rosters: Mapping[str, Roster]
    groups: Mapping[GroupRef, Roster]
    health: tuple[SourceHealth, ...]
    fresh: Mapping[str, Roster]
    unread: tuple[str, ...] = ()

    def keep(self, store: Store, mapping: str, now: datetime, *, approved: bool) -> None:
        """Keep the reads of a confirmed run as last good copies; a shrunk one if its plan was approved."""
        frozen = {one.name for one in (*self.rosters.values(), *self.groups.values()) if one.frozen}
        for name, roster in self.fresh.items():
            if name in frozen and not approved:
                continue
            store.save_source(mapping, name, copies.to_json(roster), roster.digest, len(roster.rows), now)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the sources of one mapping.

    `network` is None where none may be touched and `directories` where no operator's file names any
    (`validate`): what would have to be read there is left unread. `store` is None where there is none.
    """

    loaded: Loaded
    folder: Path
    directories: Mapping[str, Path] | None
    network: Network | None
    store: Store | None
    mapping: str
    now: datetime

    def read(self, needs: Needs, source_shrink: int) -> Sources:
        """All of them; raises `MappingInvalid` with the problems of every source that has no copy."""
        wanted: dict[str | GroupRef, Callable[[], Roster]] = {}
        unread: list[str] = []
        for name, model in self.loaded.document.rosters.items():
            if self._reaches(model):
                wanted[name] = lambda name=name, model=model: self._roster(name, model, needs.rosters[name])  # type: ignore[misc]  # a lambda's defaults have no types
            else:
                unread.append(f"roster {name}")
        for group in needs.groups:
            if (network := self.network) is not None:
                wanted[group] = lambda group=group, network=network: self._group(network, group)  # type: ignore[misc]  # as above
            else:
                unread.append(f"the directory group {group.dn}")
        used: dict[str | GroupRef, Roster] = {}
        read_now: list[Roster] = []
        problems: list[Problem] = []
        for key, read in wanted.items():
            try:
                fresh = read()
                used[key] = self._judged(fresh, source_shrink)
                read_now += [fresh] if used[key].digest == fresh.digest else []
            except MappingInvalid as error:
                problems += error.problems
        if problems:
            raise MappingInvalid(problems)
        return Sources(
            rosters={key: roster for key, roster in used.items() if isinstance(key, str)},
            groups={key: roster for key, roster in used.items() if not isinstance(key, str)},
            health=tuple(self._health(roster) for roster in used.values()),
            fresh={roster.name: roster for roster in read_now},
            unread=tuple(sorted(unread)),
        )

    def _reaches(self, model: RosterModel) -> bool:
        """Whether the roster can be read from here."""
        if model.csv is not None:
            return not model.csv.source or self.directories is not None
        return self.network is not None

    def _roster(self, name: str, model: RosterModel, dates: frozenset[str]) -> Roster:
        form = csv_format(model, dates)
        if model.csv is not None:
            file = _file(model.csv, self.folder, self.directories or {})
            return read_csv(name, file, form, shown=self._shown(file))
        if model.ldap is not None and self.network is not None:
            query = DirectoryQuery(model.ldap.connection, model.ldap.base, model.ldap.filter)
            return read_directory(name, query, self.network.fetch)
        if model.http is not None and self.network is not None:
            return read_http(name, self.network.http(model.http.connection), model.http.path, form)
        place = self.loaded.places.at(("rosters", name))
        raise MappingInvalid(
            [Problem(place, f"rosters.{name}", "says neither csv, ldap nor http", "name its source")]
        )

    def _group(self, network: Network, group: GroupRef) -> Roster:
        query = DirectoryQuery(group.connection, group=group.dn, nested=group.nested)
        return read_directory(f"{group.connection}:{group.dn}", query, network.fetch)

    def _shown(self, path: Path) -> str:
        try:
            return str(path.relative_to(Path.cwd()))
        except ValueError:
            return str(path)

    def _judged(self, fresh: Roster, source_shrink: int) -> Roster:
        last = self.store.last_source(self.mapping, fresh.name) if self.store else None
        copy = copies.from_json(last.rows_json) if last else None
        return health.judge(fresh, copy, f"{last.when:%Y-%m-%d %H:%M} UTC" if last else "", source_shrink)

    def _health(self, roster: Roster) -> SourceHealth:
        last = self.store.last_source(self.mapping, roster.name) if self.store and roster.frozen else None
        age = int((self.now - last.when).total_seconds()) if last else 0
        return SourceHealth(roster.name, len(roster.rows), age, roster.frozen, roster.digest)
