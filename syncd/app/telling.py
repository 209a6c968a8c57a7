"""Telling operators how mappings are: by mail and webhook, each change of reason once, at least once.

What is to be told is in the store before anything leaves. A notice that cannot leave is tried again later
and later, up to a day; `mail` of syncd.yaml, which is about people, keeps none back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncd import reasons
from syncd.acts import Notice
from syncd.app import people
from syncd.errors import MappingInvalid
from syncd.locale import spoken
from syncd.locale.told import told_in
from syncd.mapping.parts import TRUNK
from syncd.notify import Hook
from syncd.notify.mapping_texts import LOOSENED
from syncd.reasons import POLICY, SETTINGS, Kept, State
from syncd.render.lines import REASONS
from syncd.settings import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from syncd.reasons import Reason
    from syncd.schedule import Rhythm
    from syncd.settings import Settings
    from syncd.store import Store

WAITS = {**REASONS, POLICY: LOOSENED}
RECENT = 5  # newest runs among which one that ended is looked for


class Telling:
    """What an application knows of how mappings are and says of it; the rest of it is in `App`."""

    settings: Settings

    if TYPE_CHECKING:
        _stop: Callable[[], bool]

        @property
        def _db(self) -> Store: ...

        def parts(self, mapping: str) -> tuple[str, ...]: ...

    def known(self) -> dict[str, Kept]:
        """How mappings were when a daemon last looked, by name."""
        return self._db.reasons.all()

    def judge(self, mapping: str, reason: Reason) -> Kept:
        """Note how a mapping, or syncd.yaml, is, and write the notices of it where it is to be told."""
        return self._settle(mapping, lambda kept: (reason, kept.parts if kept else {}))

    def judge_part(self, mapping: str, part: str, reason: Reason) -> Kept:
        """Note how a run left a part of a mapping: the mapping is as the worst of its parts.

        Or one part's run would say that it is over what another one's found. A run of the whole, "", says
        of every part how it is.
        """
        try:
            roots = self.parts(mapping)
        except MappingInvalid:
            return self.judge(mapping, reason)
        parts = (TRUNK, *roots) if roots else ()

        def found(kept: Kept | None) -> tuple[Reason, Mapping[str, Reason]]:
            known = reasons.parted(kept, part, reason, parts)
            return reasons.together(known) if known else reason, known

        return self._settle(mapping, found)

    def _settle(
        self, mapping: str, find: Callable[[Kept | None], tuple[Reason, Mapping[str, Reason]]]
    ) -> Kept:
        """Note how a mapping and its parts are, which `find` makes of what was known of them."""
        settings, after = self.settings, self.settings.notify.after

        def wanted(state: State) -> bool:
            return _wanted(settings, reasons.event(mapping, state))

        def decide(kept: Kept | None, now: datetime) -> tuple[Kept, list[Notice]]:
            patience = after.after(now) - now
            reason, parts = find(kept)
            known, told = reasons.judged(kept, reason, now, patience, wanted)
            known = replace(known, parts=parts)
            return known, list(_notices(settings, mapping, known, told)) if told else []

        return self._db.reasons.settle(mapping, decide)

    def tell_left_alone(self, rhythms: Mapping[str, Rhythm], looked_since: Mapping[str, datetime]) -> None:
        """Tell of each mapping that is due and of which no run ends; one at work is not left alone."""
        known, now = self.known(), datetime.now(UTC)
        for mapping, rhythm in rhythms.items():
            since = looked_since[mapping]
            runs = self._db.runs(mapping=mapping, limit=RECENT)
            ended = next((run.finished for run in runs if run.finished is not None), since)
            reason = reasons.left_alone(known.get(mapping), ended, rhythm, since, now)
            if reason is not None and not any(run.state == "running" for run in runs):
                self.judge(mapping, reason)

    def deliver(self) -> dict[str, int]:
        """Let the notices for operators leave that are due; how many still wait, by what they are about.

        Raises `SettingsInvalid` for a secret that is missing, once what needs none has left.
        """
        settings, store, now = self.settings, self._db, people.now()
        missing: SettingsInvalid | None = None
        for notice in _waiting(settings, store):
            if self._stop():
                break
            if notice.retry_at is None or notice.retry_at <= now:
                try:
                    people.let_leave(settings, store, [notice])
                except SettingsInvalid as error:
                    missing = error
        if missing is not None:
            raise missing
        return self.untold()

    def untold(self) -> dict[str, int]:
        """How many notices for operators have not left, by what they are about."""
        settings = self.settings
        left = Counter(one.mapping for one in _waiting(settings, self._db))
        return {name: left[name] for name in (*settings.mappings, SETTINGS)}


def shown(kept: Kept | None) -> dict[str, Any]:
    """The fields of `MappingStatus` that say how a mapping is."""
    if kept is None:
        return {}
    told = kept.told_at if kept.is_told else None
    return {
        "reason": kept.present.state.value,
        "about": kept.present.names,
        "since": kept.since.isoformat(),
        "told": told.isoformat() if told else "",
    }


def _waiting(settings: Settings, store: Store) -> list[Notice]:
    found = filter(people.for_operators, people.to_leave(store, None))
    return [one for one in found if one.mapping in settings.mappings or one.mapping == SETTINGS]


def _wanted(settings: Settings, event: str) -> bool:
    return _by_mail(settings, event) or bool(_hooks(settings, event))


def _hooks(settings: Settings, event: str) -> list[Hook]:
    """The webhooks that want an event, as they are named; their secrets are for when it leaves."""
    found = [Hook(one.url, events=tuple(one.events)) for one in settings.webhooks]
    return [hook for hook in found if hook.wants(event)]


def _by_mail(settings: Settings, event: str) -> bool:
    notify = settings.notify
    return bool(notify.mail) and (not notify.events or event in notify.events)


def _notices(settings: Settings, mapping: str, known: Kept, reason: Reason) -> Iterator[Notice]:
    about, notify = reasons.event(mapping, reason.state), settings.notify
    said = {
        "environment": settings.environment,
        "mapping": mapping,
        "state": reason.state.value,
        "since": known.since.astimezone(UTC).isoformat(timespec="seconds"),
        "names": ", ".join(reason.names),
        **reason.facts,
    }
    for address in notify.mail if _by_mail(settings, about) else ():
        values = {**said, "what": _what(reason, notify.language)}
        yield Notice(
            people.new_id("n"), mapping, to=address, about=about, locale=notify.language, values=values
        )
    for hook in _hooks(settings, about):
        values = {**said, "what": _what(reason, "en")}
        yield Notice(people.new_id("n"), mapping, hook=hook.mark, about=about, values=values)


def _what(reason: Reason, language: str) -> str:
    """What a reason says beside its state, in one line."""
    if reason.state is State.HELD:
        counts = [(spoken(WAITS.get(one, one), language), reason.facts[one]) for one in reason.names]
        return "; ".join(f"{name}: {count}" for name, count in counts)
    return "; ".join(told_in(language, line) for line in reason.detail.splitlines())
