"""When each mapping is due, and whether its runs wait: settings, policy and pauses taken together."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncd.acts import Call, Pause
from syncd.app import files, people
from syncd.app_types import DueRow
from syncd.errors import MappingInvalid, Problem, Stale, UsageError
from syncd.mapping.parts import TRUNK, WHOLE
from syncd.schedule import DEFAULT_CRON, EPOCH, NotASchedule, Rhythm, Window, missed, rhythm_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.errors import Place
    from syncd.mapping.read import Loaded
    from syncd.settings import Settings
    from syncd.store import Store


HINT = "five fields: minute hour day month weekday, for example */15 * * * *"
SHOWN = 5  # times to come that are worth a look


class Timing:
    """Answers for one operator's file and its store."""

    def __init__(self, settings: Settings, store: Store, load: Callable[[Settings, str], Loaded]) -> None:
        self._settings = settings
        self._store = store
        self._load = load

    def rhythm(self, mapping: str) -> Rhythm:
        """When the mapping is due: its own policy, else the operator's schedule, else every 15 minutes.

        Raises `MappingInvalid` with the line of an expression or a zone that means nothing.
        """
        loaded = self._load(self._settings, mapping)
        of_mapping, own = self._settings.mappings[mapping].policy.schedule, loaded.document.policy.schedule
        general = self._settings.schedule
        if own is not None:
            cron, zone, place = own.cron, own.timezone, loaded.places.value(("policy", "schedule", "cron"))
        elif of_mapping is not None:
            cron, zone = of_mapping.cron, of_mapping.timezone
            place = self._settings.place("mappings", mapping, "policy", "schedule")
        else:
            cron, zone = (general.cron, general.timezone) if general is not None else (DEFAULT_CRON, None)
            place = self._settings.place("schedule")
        fallback = (general.timezone if general is not None else None) or "UTC"
        return _checked(cron, zone or loaded.document.settings.timezone or fallback, mapping, place)

    def due(self, mapping: str, now: datetime) -> DueRow:
        """The rhythm of a mapping with its next times, and its pause."""
        rhythm, pause = self.rhythm(mapping), self.paused(mapping)
        return DueRow(
            name=mapping,
            cron=rhythm.cron,
            timezone=rhythm.timezone,
            late=int(rhythm.offset.total_seconds()),
            next=tuple(moment.isoformat() for moment in rhythm.next(now, SHOWN)),
            paused_by=pause.by if pause else "",
            paused_until=pause.until.isoformat() if pause and pause.until else "",
        )

    def overdue(self, mapping: str, rhythm: Rhythm, now: datetime) -> bool:
        """Whether a run is to be made up for: the last one did not succeed, or one was due since.

        So is one by files that nobody saw change, as no daemon ran.
        """
        loaded = self._load(self._settings, mapping)
        if self._store.files_in_force(mapping) not in ("", loaded.digest):
            return True
        roots = files.split_into(self._settings, mapping, loaded)
        if not roots:
            runs = self._store.runs(mapping=mapping, limit=1, narrowed=False)
            return not runs or runs[0].exit_code != 0 or missed(rhythm, runs[0].started, now)
        found = self._store.runs_of_parts(mapping)
        whole = [run for part, run in found.items() if part == WHOLE]
        newest = [
            max(
                (*whole, *([found[part]] if part in found else [])), key=lambda run: run.started, default=None
            )
            for part in (TRUNK, *roots)
        ]
        begun = newest[0].started if newest[0] else now  # the parts go after the trunk that asked for them
        return any(
            run is None or run.exit_code != 0 or run.started < begun or missed(rhythm, run.started, now)
            for run in newest
        )

    def paused(self, mapping: str) -> Pause | None:
        """The pause in force, if there is one; one that is past is none."""
        kept = self._store.acts.get(Pause, _id(mapping))
        if kept is None or kept.since is None:
            return None
        return None if kept.until is not None and kept.until <= datetime.now(UTC) else kept

    def pause(self, mapping: str, who: str, until: datetime | None = None) -> Pause:
        """Let scheduled runs wait, until `until` or until somebody resumes them."""
        self._known(mapping)
        now = datetime.now(UTC)
        if until is not None and until <= now:
            raise UsageError(f"{until.isoformat()} is past", "name a moment to come, or none")
        if gone := self._resumed(mapping):  # who resumes it next calls anew
            with suppress(Stale):  # a run answered them
                self._store.acts.change(gone=gone)
        kept = self._store.acts.get(Pause, _id(mapping))
        if kept is None:
            return self._store.acts.add(Pause(_id(mapping), mapping, by=who, since=now, until=until), who)
        return self._store.acts.save(replace(kept, by=who, since=now, until=until), who)

    def resume(self, mapping: str, who: str) -> bool:
        """Let them run again, and call for one that does what was due meanwhile; whether they were paused."""
        self._known(mapping)
        kept = self.paused(mapping)
        if kept is not None:
            acts = self._store.acts
            if not self._resumed(mapping):
                acts = acts.calling(Call(people.new_id("c"), mapping, by=who, once=True))
            acts.save(replace(kept, by=who, since=None, until=None), who)
        return kept is not None

    def _resumed(self, mapping: str) -> list[Call]:
        return [call for call in self._store.acts.all(Call, mapping) if call.once]

    def _known(self, mapping: str) -> None:
        if mapping not in self._settings.mappings:
            names = ", ".join(self._settings.mappings)
            raise UsageError(
                f'there is no mapping "{mapping}" in {self._settings.file}', f"there are: {names}"
            )


def windows_of(settings: Settings) -> list[Window]:
    """The operator's maintenance windows; raises `MappingInvalid` with the line of one that means nothing."""
    return [
        Window(
            _checked(one.cron, one.timezone, "", settings.place("maintenance", str(index))),
            one.duration.after(EPOCH) - EPOCH,
        )
        for index, one in enumerate(settings.maintenance)
    ]


def check_times(settings: Settings) -> None:
    """Raise `MappingInvalid` where an expression or a zone in syncd.yaml means nothing."""
    if problems := wrong_times(settings):
        raise MappingInvalid(problems)


def wrong_times(settings: Settings) -> list[Problem]:
    """Every expression and zone in syncd.yaml that means nothing."""
    said: list[tuple[tuple[str, ...], str, str | None]] = [
        (("maintenance", str(index)), one.cron, one.timezone)
        for index, one in enumerate(settings.maintenance)
    ]
    schedules = {("schedule",): settings.schedule} | {
        ("mappings", name, "policy", "schedule"): one.policy.schedule
        for name, one in settings.mappings.items()
    }
    said += [(route, one.cron, one.timezone) for route, one in schedules.items() if one is not None]
    found = []
    for route, cron, zone in said:
        try:
            rhythm_of(cron, zone or "UTC")
        except NotASchedule as error:
            found.append(Problem(settings.place(*route, "cron"), ".".join(route), str(error), HINT))
    return found


def _id(mapping: str) -> str:
    return f"pause_{mapping}"


def _checked(cron: str, zone: str, key: str, place: Place) -> Rhythm:
    try:
        return rhythm_of(cron, zone, key)
    except NotASchedule as error:
        raise MappingInvalid([Problem(place, "cron", str(error), HINT)]) from error
