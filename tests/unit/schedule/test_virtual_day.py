"""The daemon's clock through days on which clocks change: what is due is asked for once, restarts included.

APScheduler itself is driven, on a time that jumps from wake-up to wake-up; due moments are worked out here
by calendar and zone alone.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import apscheduler.schedulers.base
import pytest
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler

from syncd import daemon_clock
from syncd.daemon_clock import Clock
from syncd.schedule import missed, rhythm_of

if TYPE_CHECKING:
    from syncd.dispatch import Trigger
    from syncd.schedule import Rhythm

DAYS = {  # a day before and after, too
    "Europe/Paris, an hour twice": date(2026, 10, 25),
    "Europe/Paris, an hour not at all": date(2027, 3, 28),
    "America/New_York, an hour twice": date(2026, 11, 1),
    "America/New_York, an hour not at all": date(2027, 3, 14),
}
TIMES = [(hour, minute) for hour in (0, 1, 2, 3, 12, 23) for minute in (0, 10, 30, 59)]
ZONES = ["Europe/Paris", "America/New_York", "UTC", "Asia/Tokyo"]
MAPPINGS = 50


class Day:
    """Fifty mappings, by the quarter or by a time of day, and when each was asked for."""

    def __init__(self, day: date) -> None:
        self.now = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        self.end = self.now + timedelta(days=3)
        self.asked: dict[str, list[datetime]] = {}
        self.rhythms: dict[str, Rhythm] = {}
        self.times: dict[str, tuple[int, int] | None] = {}
        times, zones = cycle(TIMES), cycle(ZONES)
        for number in range(MAPPINGS):
            name = f"m{number:02}"
            time = None if number % 5 == 0 else next(times)
            cron = "*/15 * * * *" if time is None else f"{time[1]} {time[0]} * * *"
            self.times[name], self.asked[name] = time, []
            self.rhythms[name] = rhythm_of(cron, next(zones), name)

    def ask(self, name: str, _trigger: Trigger) -> bool:
        self.asked[name].append(self.now)
        return True

    def files(self) -> Any:
        """What the clock needs of them; a mapping that was never asked for began before all this."""
        began = self.now

        def overdue(name: str, rhythm: Rhythm, now: datetime) -> bool:
            return missed(rhythm, (self.asked[name] or [began])[-1], now)

        timing = SimpleNamespace(rhythm=self.rhythms.__getitem__, overdue=overdue)
        app = SimpleNamespace(timing=lambda: timing, close=lambda: None)
        settings = SimpleNamespace(mappings=self.rhythms)
        return SimpleNamespace(settings=settings, newest=lambda: app, app=lambda: app)

    def due(self, name: str) -> list[datetime]:
        """By calendar: a quarter of an hour is one wherever, a time of day is the first of that name."""
        rhythm, time = self.rhythms[name], self.times[name]
        begun = self.end - timedelta(days=3)
        if time is None:
            moments = [begun + timedelta(minutes=15 * number) for number in range(3 * 96 + 1)]
        else:
            first = begun.date() - timedelta(days=1)
            moments = [_moment(first + timedelta(days=n), time, ZoneInfo(rhythm.timezone)) for n in range(6)]
        late = [moment + rhythm.offset for moment in moments]
        return [moment for moment in late if begun < moment <= self.end]


def _moment(day: date, time: tuple[int, int], zone: ZoneInfo) -> datetime:
    local = datetime(day.year, day.month, day.day, *time)  # noqa: DTZ001 - the zone follows
    while (moment := local.replace(tzinfo=zone).astimezone(UTC)).astimezone(zone).replace(
        tzinfo=None
    ) != local:
        local += timedelta(minutes=1)  # that hour is not there: the first moment after it
    return moment


class Stepped(BaseScheduler):
    """APScheduler without a thread."""

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)

    def wakeup(self) -> None:
        """Whoever steps it looks anyway."""


@pytest.mark.parametrize("name", DAYS)
def test_every_due_run_is_asked_for_once_and_none_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    day, luck = Day(DAYS[name]), random.Random(name)

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return day.now.astimezone(tz)

    monkeypatch.setattr(daemon_clock, "datetime", Now)
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Now)
    monkeypatch.setattr(daemon_clock, "BackgroundScheduler", Stepped)
    monkeypatch.setattr(daemon_clock, "ThreadPoolExecutor", lambda _threads: DebugExecutor())
    away: list[tuple[datetime, datetime]] = []
    files = day.files()
    while day.now < day.end:
        clock = Clock(files, day.ask)
        clock.begin()
        serve_until(clock, day, day.now + timedelta(hours=luck.uniform(3, 20)), luck)
        clock.stop()
        away.append((day.now, day.now + timedelta(minutes=luck.uniform(0, 90))))
        day.now = away[-1][1]
    assert sum(map(len, day.asked.values())) > 2500
    for mapping, asked in day.asked.items():
        due = [moment for moment in day.due(mapping) if moment <= away[-1][0]]
        assert [_after(moment, due) for moment in asked] == _once(due, away[:-1]), mapping


def serve_until(clock: Clock, day: Day, end: datetime, luck: random.Random) -> None:
    """Wake up when the scheduler wants to, a little late as processes do."""
    end = min(end, day.end)
    while day.now < end:
        wait = clock._scheduler._process_jobs()
        late = luck.uniform(0, 2)
        day.now = min(end, day.now + timedelta(seconds=wait + late))


def _after(moment: datetime, due: list[datetime]) -> datetime:
    """The newest due moment that an ask answers."""
    return max(one for one in due if one <= moment)


def _once(due: list[datetime], away: list[tuple[datetime, datetime]]) -> list[datetime]:
    """Each due moment; of those while nobody was there, the last of each absence."""
    kept = []
    for number, moment in enumerate(due):
        absence = next((one for one in away if one[0] <= moment < one[1]), None)
        later = due[number + 1] if number + 1 < len(due) else None
        if absence is None or later is None or not later < absence[1]:
            kept.append(moment)
    return kept
