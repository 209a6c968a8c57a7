"""When mappings are due, in words."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd.locale import gettext as _
from syncd.locale import mark, ngettext
from syncd.render.page import Block, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.app_types import DueRow

WEEKDAYS = (
    mark("Sunday"), mark("Monday"), mark("Tuesday"), mark("Wednesday"),
    mark("Thursday"), mark("Friday"), mark("Saturday"),
)  # fmt: skip
EVERY = re.compile(r"\*(?:/([1-9]\d*))? \* \* \* \*")
HOURLY = re.compile(r"(\d+) \*(?:/([1-9]\d*))? \* \* \*")
DAILY = re.compile(r"(\d+) (\d+) \* \* (\*|[0-7]-[0-7]|[0-7](?:,[0-7])*)")
RANGE = re.compile(r"([0-7])-([0-7])")


def schedule_page(rows: Sequence[DueRow]) -> Page:
    """One block for each mapping: how often, then its next times in its own zone."""
    return tuple(
        Block(
            _("{mapping}: {words}, {zone}").format(
                mapping=row.name, words=words(row.cron), zone=row.timezone
            ),
            lines=(*_notes(row), *(_shown(moment, row.timezone) for moment in row.next)),
        )
        for row in rows
    )


def words(cron: str) -> str:
    """What a cron expression says; one of no usual shape says it itself.

    A step says how often only where it divides what it steps through: 45 minutes begin anew each hour.
    """
    text = " ".join(cron.split())
    if (found := EVERY.fullmatch(text)) and 60 % (count := int(found[1] or 1)) == 0:
        return ngettext("every minute", "every {count} minutes", count).format(count=count)
    if (found := HOURLY.fullmatch(text)) and 24 % (count := int(found[2] or 1)) == 0:
        said = ngettext("every hour at minute {minute}", "every {count} hours at minute {minute}", count)
        return said.format(count=count, minute=int(found[1]))
    if found := DAILY.fullmatch(text):
        return _on_days(found[3], f"{int(found[2]):02}:{int(found[1]):02}")
    return _('by "{cron}"').format(cron=text)


def _on_days(days: str, time: str) -> str:
    """The days of the week as cron writes them, in words, with the time of day."""
    if days == "*":
        return _("every day at {time}").format(time=time)
    if between := RANGE.fullmatch(days):
        first, last = (_(WEEKDAYS[int(day) % 7]) for day in between.groups())
        return _("from {first} to {last} at {time}").format(first=first, last=last, time=time)
    listed = ", ".join(_(WEEKDAYS[int(day) % 7]) for day in days.split(","))
    return _("every {day} at {time}").format(day=listed, time=time)


def _notes(row: DueRow) -> tuple[str, ...]:
    notes = []
    if row.late:
        text = ngettext(
            "{count} second later, so that mappings do not all begin at once",
            "{count} seconds later, so that mappings do not all begin at once",
            row.late,
        )
        notes.append(text.format(count=row.late))
    if row.paused_by and row.paused_until:
        until = _shown(row.paused_until, row.timezone)
        notes.append(_("paused by {who} until {until}").format(who=row.paused_by, until=until))
    elif row.paused_by:
        text = _("paused by {who} until `syncd resume {mapping}`")
        notes.append(text.format(who=row.paused_by, mapping=row.name))
    return tuple(notes)


def _shown(moment: str, zone: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"
