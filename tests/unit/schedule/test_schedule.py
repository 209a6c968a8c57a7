"""When things are due, across both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.schedule import (
    LONGEST_PAUSE,
    NotASchedule,
    Rhythm,
    Window,
    missed,
    retry_at,
    rhythm_of,
    window_end,
)

PARIS = ZoneInfo("Europe/Paris")
NAMES = [f"mapping-{number:02}" for number in range(50)]
AUTUMN = datetime(2026, 10, 25, tzinfo=PARIS)
SPRING = datetime(2027, 3, 28, tzinfo=PARIS)
CRONS = ("*/15 * * * *", "*/5 * * * *", "0 * * * *", "30 2 * * *", "0 6 * * *")


def by_the_minute(cron: str, begin: datetime, end: datetime) -> list[datetime]:
    """What fires between two moments, told minute by minute without cronsim."""
    minute, hour = cron.split()[:2]
    local, found, days = begin.astimezone(UTC), [], set()
    while local < end:
        here = local.astimezone(PARIS)
        if minute.startswith("*") or hour == "*":
            step = int(minute.partition("/")[2]) if "/" in minute else 60
            if here.minute % step == 0:
                found.append(local)
        elif (here.hour, here.minute) >= (int(hour), int(minute)) and here.date() not in days:
            days.add(here.date())
            found.append(local)
        local += timedelta(minutes=1)
    return found


@pytest.mark.parametrize("day", [AUTUMN, SPRING], ids=["clocks go back", "clocks go forward"])
def test_fifty_mappings_run_once_whenever_they_are_due(day):
    end = datetime(day.year, day.month, day.day, tzinfo=PARIS) + timedelta(days=1)
    begin_utc, end_utc = day.astimezone(UTC), end.astimezone(UTC)
    for number, name in enumerate(NAMES):
        cron = CRONS[number % len(CRONS)]
        rhythm = rhythm_of(cron, "Europe/Paris", name)
        ran, clock, due = [], begin_utc - timedelta(seconds=1), None
        while clock < end_utc + rhythm.offset:
            due = due or rhythm.after(clock)
            clock += timedelta(seconds=30)
            if due <= clock:
                ran.append(due - rhythm.offset)
                due = rhythm.after(max(due, clock))
        expected = by_the_minute(cron, begin_utc, end_utc)
        assert [one for one in ran if begin_utc <= one < end_utc] == expected, (name, cron)


@given(
    cron=st.sampled_from((*CRONS, "15,45 2 * * *", "30 1-3 * * 0", "0 0 29 2 *")),
    late=st.integers(0, 299),
    seconds=st.integers(0, 3 * 366 * 86400),
)
def test_the_next_time_is_always_to_come_and_nothing_lies_between(cron, late, seconds):
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    rhythm = Rhythm(cron, "Europe/Paris", timedelta(seconds=late))
    after = rhythm.after(moment)
    assert after > moment
    assert rhythm.after(moment + (after - moment) / 2) == after


def test_the_second_two_o_clock_is_not_the_first_again():
    rhythm = rhythm_of("30 2 * * *", "Europe/Paris")
    second = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=PARIS)
    assert rhythm.after(second) == datetime(2026, 10, 26, 2, 30, tzinfo=PARIS)


def test_the_spread_is_stable_stays_within_a_fifth_and_differs():
    rhythms = [rhythm_of("*/15 * * * *", "UTC", name) for name in NAMES]
    assert rhythms == [rhythm_of("*/15 * * * *", "UTC", name) for name in NAMES]
    assert all(timedelta() <= one.offset < timedelta(minutes=3) for one in rhythms)
    assert len({one.offset for one in rhythms}) > 30
    assert rhythm_of("0 3 * * *", "UTC", "acme").offset < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("every day", "UTC", "no cron expression"),
        ("61 * * * *", "UTC", "no cron expression"),
        ("0 3 * * *", "Europe/Pari", "no time zone"),
        ("0 3 * * *", "../etc", "no time zone"),
        ("0 0 31 2 *", "UTC", "no cron expression"),
    ],
)
def test_what_means_nothing_is_refused_in_words(cron, zone, said):
    with pytest.raises(NotASchedule, match=said):
        rhythm_of(cron, zone)


def test_a_weekday_is_the_one_that_cron_means():
    monday = rhythm_of("0 8 * * 1", "UTC").after(datetime(2026, 11, 24, tzinfo=UTC))
    assert monday == datetime(2026, 11, 30, 8, tzinfo=UTC)


def test_a_run_is_made_up_for_only_where_one_was_due_since():
    hourly = rhythm_of("0 * * * *", "UTC")
    now = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    assert missed(hourly, None, now)
    assert missed(hourly, now - timedelta(hours=2), now)
    assert not missed(hourly, now - timedelta(minutes=20), now)


def test_windows_end_at_their_last_moment_and_join_where_they_touch():
    night = Window(rhythm_of("0 22 * * *", "UTC"), timedelta(hours=4))
    later = Window(rhythm_of("0 2 * * *", "UTC"), timedelta(hours=1))
    at = datetime(2026, 11, 24, 23, tzinfo=UTC)
    assert night.end(at) == datetime(2026, 11, 25, 2, tzinfo=UTC)
    assert window_end([night, later], at) == datetime(2026, 11, 25, 3, tzinfo=UTC)
    assert window_end([night, later], datetime(2026, 11, 25, 3, tzinfo=UTC)) is None
    assert window_end([night], datetime(2026, 11, 24, 22, tzinfo=UTC)) is not None
    assert window_end([night], datetime(2026, 11, 24, 21, 59, tzinfo=UTC)) is None


def test_windows_without_a_gap_are_followed_for_a_while_that_is_worked_out_at_once():
    at = datetime(2026, 11, 24, 23, tzinfo=UTC)
    always = Window(rhythm_of("* * * * *", "UTC"), timedelta(minutes=2))
    assert timedelta(hours=1) < window_end([always], at) - at < timedelta(days=1)
    days = Window(rhythm_of("0 0 * * *", "UTC"), timedelta(days=1))
    assert window_end([days], at) - at > timedelta(days=300)


def test_tries_come_later_each_time_and_never_after_the_next_run():
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    pauses = [retry_at(attempt, now, None) - now for attempt in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=30)
    assert pauses[-1] == LONGEST_PAUSE
    assert retry_at(1, now, now + timedelta(seconds=30)) is None
    assert retry_at(1, now, now + timedelta(seconds=31)) == now + timedelta(seconds=30)
