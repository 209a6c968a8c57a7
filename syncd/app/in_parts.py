"""Running a mapping in parts, and how each mapping stands, whole or in parts; the rest is in `App`."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.app import files
from syncd.app.telling import shown
from syncd.app_types import MappingStatus
from syncd.errors import MappingInvalid
from syncd.mapping import outputs
from syncd.mapping.parts import TRUNK, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.read import Loaded
    from syncd.model import RunReport
    from syncd.reasons import Kept
    from syncd.settings import Settings
    from syncd.store import Store, StoredRun


ACTOR = "daemon"
"""Who makes runs by itself, and tells of them."""


class InParts:
    """What an application knows of parts of mappings, and says of mappings from the store alone."""

    settings: Settings
    _load: Callable[[Settings, str], Loaded]

    if TYPE_CHECKING:

        @property
        def _db(self) -> Store: ...

        def _known(self, mapping: str) -> str: ...

        def _answered(self, store: Store, report: RunReport) -> None: ...

        def _compiled_or_none(self, mapping: str) -> Compiled | None: ...

        def apply(
            self, mapping: str, plan: None, *, confirmed: bool, actor: str, part: str = WHOLE
        ) -> RunReport: ...

        def known(self) -> dict[str, Kept]: ...

        def mapping_names(self) -> list[str]: ...

        def invitation_states(self, mapping: str) -> dict[str, int]: ...

    def apply_trunk(self, mapping: str, *, actor: str, ask: Callable[[Sequence[str]], None]) -> RunReport:
        """Carry out what belongs to no root unit, then `ask` for the runs of root units, however it ended.

        Raises `NotApart` where only a run of the whole can judge.
        """
        report = self.apply(mapping, None, confirmed=False, actor=actor, part=TRUNK)
        ask(self.parts(mapping))
        self._answered(self._db, report)
        return report

    def parts(self, mapping: str) -> tuple[str, ...]:
        """The root units that run apart, by the mapping's policy; none where it runs whole."""
        return files.split_into(self.settings, mapping, self._load(self.settings, self._known(mapping)))

    def status(self) -> list[MappingStatus]:
        """How each mapping stands, from the store alone."""
        known = self.known()
        return [replace(self._status(name), **shown(known.get(name))) for name in self.mapping_names()]

    def last_successes(self) -> dict[str, datetime]:
        """When the newest run that succeeded began, of each mapping that has one."""
        found = {name: self.last_success(name) for name in self.mapping_names()}
        return {name: began for name, began in found.items() if began is not None}

    def last_success(self, mapping: str) -> datetime | None:
        """When the newest run that succeeded began; of a mapping in parts, that of the last part to do so."""
        runs = self._db.runs(mapping=mapping, limit=1, narrowed=False, succeeded=True)
        roots: tuple[str, ...] = ()
        if any(run.part for run in runs):
            with suppress(MappingInvalid):
                roots = self.parts(mapping)
        if not roots:
            return runs[0].started if runs else None
        done = self._db.runs_of_parts(mapping, succeeded=True)
        newest = [
            max((run.started for run in (done.get(part), done.get(WHOLE)) if run), default=None)
            for part in (TRUNK, *roots)
        ]
        return None if None in newest else min(filter(None, newest))

    def files_in_force(self, mapping: str) -> str:
        """The digest of the files that the mapping's newest run went by; empty where that is not known."""
        return self._db.files_in_force(mapping)

    def superseded(self, mapping: str, ran: Mapping[str, str]) -> set[str]:
        """The parts whose run in `ran`, given by its id, is not the newest one of a daemon that ended."""
        whole = ran.keys() == {WHOLE}
        newest = (
            self._db.runs(mapping=mapping, limit=5, narrowed=False)
            if whole
            else self._db.runs_of_parts(mapping, since=min(ran.values())).values()
        )
        ended = [
            run
            for run in newest
            if run.finished is not None and run.actor == ACTOR and run.id not in ran.values()
        ]
        return {
            part
            for part, mine in ran.items()
            if any(run.id > mine and (run.part == part or WHOLE in (run.part, part)) for run in ended)
        }

    def _status(self, name: str) -> MappingStatus:
        runs = self._db.runs(mapping=name, limit=20)
        last = runs[0] if runs else None
        success = self.last_success(name)
        newest = self._db.runs_of_parts(name) if last and last.part else {}
        parts = [run for part, run in newest.items() if part]
        plans = self._db.plans(mapping=name, limit=100 if parts else 1)
        totals = Counter[str]()
        for plan in plans:
            totals.update((plan.document or {}).get("totals", {}) if plan.state == "pending" else {})
        owned = [row for output in self._outputs(name) for row in self._db.owned(name, output)]
        return MappingStatus(
            name=name,
            last_run=last.started.isoformat() if last else "",
            last_result=how_it_ended(last) if last else "",
            last_success=success.isoformat() if success else "",
            pending=totals["changes"],
            held=totals["held"],
            stopped=totals["stops"],
            people=len({row.origin.person for row in owned if row.origin.person}),
            owned=len(owned),
            drift=sum(sum(run.counts.values()) for run in parts or runs[:1]),
            invitations=self.invitation_states(name),
            behind=tuple(sorted(run.part for run in parts if run.exit_code != 0)),
        )

    def _outputs(self, mapping: str) -> Sequence[str]:
        compiled = self._compiled_or_none(mapping)
        return outputs.output_names(compiled) if compiled else ("keycloak", "ldap")


def how_it_ended(run: StoredRun) -> str:
    return run.state if run.exit_code is None else str(run.exit_code)
