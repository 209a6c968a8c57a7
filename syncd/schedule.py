"""When things are due: cron in a time zone, spread over mappings, windows in which nothing is written. Pure.

cronsim rather than APScheduler's cron, whose Monday is 0 and which runs a daily job twice when clocks go
back: here a time of day fires once on both days, and `*` fields follow the elapsed time.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULT_CRON = "*/15 * * * *"
LONGEST_SPREAD = timedelta(minutes=5)
PARTS_OF_A_PERIOD = 5  # mappings are spread over this part of it
SAMPLE = 8  # firings that tell the shortest period of an expression
MOST_JOINED = 366  # windows that touch: a year of those of every minute would take seconds to follow
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # where samples begin: a spread must not change from day to day
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)


class NotASchedule(ValueError):
    """The expression or the zone means nothing; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A cron expression of five fields in a time zone, each firing later by `offset`."""

    cron: str
    timezone: str
    offset: timedelta = timedelta()

    def after(self, moment: datetime) -> datetime | None:
        """The first firing after `moment`, in UTC; None where there is none within 50 years."""
        # In UTC: adding to a local time would skip or repeat an hour when clocks change.
        base = (moment.astimezone(UTC) - self.offset).astimezone(ZoneInfo(self.timezone))
        found = next(_firings(self.cron, base), None)
        return None if found is None else found + self.offset

    def next(self, moment: datetime, count: int) -> list[datetime]:
        """The next firings after `moment`, in UTC."""
        found: list[datetime] = []
        while len(found) < count and (moment_ := self.after(found[-1] if found else moment)) is not None:
            found.append(moment_)
        return found


@dataclass(frozen=True, slots=True)
class Window:
    """A time that begins at each firing of `rhythm` and lasts `duration`."""

    rhythm: Rhythm
    duration: timedelta

    def end(self, now: datetime) -> datetime | None:
        """When the window that is open at `now` ends, None where none is; its last moment is outside."""
        begun = self.rhythm.after(now - self.duration)
        ends: datetime | None = None
        while begun is not None and begun <= now:
            ends = begun + self.duration
            begun = self.rhythm.after(begun)
        return ends


def rhythm_of(cron: str, timezone: str, key: str = "") -> Rhythm:
    """The rhythm, spread by a hash of `key`: the same key always fires equally late; no key, never late.

    The spread is a fifth of the shortest period, at most five minutes, so that firings keep their order.
    Raises NotASchedule.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise NotASchedule(f'there is no time zone "{timezone}"') from error
    try:
        firings = _firings(cron, EPOCH.astimezone(zone))
        times = [moment for moment, _ in zip(firings, range(SAMPLE), strict=False)]
    except CronSimError as error:
        raise NotASchedule(f'"{cron}" is no cron expression: {error}') from error
    if not times:
        raise NotASchedule(f'"{cron}" never fires')
    shortest = min((b - a for a, b in pairwise(times)), default=LONGEST_SPREAD)
    spread = int(min(shortest / PARTS_OF_A_PERIOD, LONGEST_SPREAD).total_seconds())
    late = zlib.crc32(key.encode()) % spread if key and spread else 0
    return Rhythm(cron, timezone, timedelta(seconds=late))


def missed(rhythm: Rhythm, last_success: datetime | None, now: datetime) -> bool:
    """Whether a run was due since the last one that succeeded, so that one is to be made up for now."""
    due = rhythm.after(last_success) if last_success is not None else None
    return last_success is None or (due is not None and due <= now)


def window_end(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When writing is allowed again, None where it is allowed now; windows that touch count as one.

    Where there is no gap for long, when to look again.
    """
    open_ = list(windows)
    end: datetime | None = None
    for _ in range(MOST_JOINED):
        ends = [found for one in open_ if (found := one.end(end or now)) is not None]
        if not ends:
            break
        end = max(ends)
        if end - now > timedelta(days=366):
            break
    return end


def retry_at(attempt: int, now: datetime, due: datetime | None) -> datetime | None:
    """When to try again after the `attempt`-th failure in a row, from 1; None where a run is due before."""
    pause = min(FIRST_PAUSE * 2 ** min(attempt - 1, 10), LONGEST_PAUSE)
    return None if due is not None and due <= now + pause else now + pause


def _firings(cron: str, base: datetime) -> Iterator[datetime]:
    """The firings after `base`, in UTC, at times of the zone of `base`."""
    for moment in CronSim(cron, base):
        fired = moment.astimezone(UTC)
        if fired > base.astimezone(UTC):  # in the hour that comes twice, cronsim may name the first one again
            yield fired
