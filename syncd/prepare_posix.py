"""What POSIX groups need beyond what the files say: a number that is given once, and no former login names.

A number is kept in the store before anything is planned with it, so that the plan that somebody reviewed
and the plan that runs, or the one after a crash, give a group the same. A group that is there keeps the
number that it has, wherever it moves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from syncd.errors import TargetError
from syncd.identity import fold
from syncd.model import Key, Kind, Limits, Owned
from syncd.plan import Facts
from syncd.plan_moves import former_anchors, homes
from syncd.targets.ldap_read import LOGIN
from syncd.targets.numbers import Numbering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.identity import Resolution
    from syncd.mapping.schema_outputs import GidNumbers
    from syncd.model import Attrs, Desired, Observation
    from syncd.prepare import Job
    from syncd.store.numbers import Holder

GID = "gidnumber"
POSIX = "posixGroup"
LOT = 200


def with_numbers(
    job: Job, name: str, desired: Desired, observed: Observation, owned: Sequence[Owned]
) -> Desired:
    """What is wanted, every group with its number; a group for which there is none waits.

    Where the output gives no numbers, what is wanted as it is.
    """
    output, target = job.files.compiled.ldap.get(name), job.targets[name]
    if output is None or output.gid_number is None or not isinstance(target, Numbering):
        return desired
    facts = Facts(desired, observed, {row.key: row for row in owned}, Limits(), job.marker)
    had = _had(facts)
    lacking = [key for key in sorted(desired.state) if key.kind is Kind.GROUP and key not in had]
    _note_used(job, facts)
    waiting: dict[Key, str] = {}
    if lacking:
        place = job.files.places.at(("ldap", name.partition(":")[2], "gid_number"))
        first, last = output.gid_number.from_, output.gid_number.to
        why = f"{place}: none of the numbers {first} to {last} is free; widen `gid_number`"
        try:
            had |= _Giver(job, name, target, output.gid_number, facts).give(lacking)
        except TargetError as error:
            why = f"{place}: which numbers are free cannot be told: {error.in_one_line}"
        waiting = {key: why for key in lacking if key not in had}
    state = {
        key: {**attrs, GID: (had[key],)} if key in had else attrs for key, attrs in desired.state.items()
    }
    return replace(desired, state=state, waiting={**desired.waiting, **waiting})


def _had(facts: Facts) -> dict[Key, str]:
    """The number of each wanted group that is there, or that was and is to be made again."""
    standing, gone = homes(facts), _gone(facts)
    leaving = {here for goal, (_, here) in standing.items() if here != goal}
    found: dict[Key, str] = {}
    for key in (key for key in facts.desired.state if key.kind is Kind.GROUP):
        row, here = standing.get(key, (key, key))
        if key not in standing and (key in leaving or key not in facts.observed.state):
            number = _number(next((gone[each] for each in _anchors(facts, key) if each in gone), {}))
        else:
            ours = facts.owned.get(row)
            written = _number(ours.attrs) if ours and facts.is_same(here, ours) else ""
            number = written or _number(facts.observed.state[here])
        if number:
            found[key] = number
    return found


def _gone(facts: Facts) -> dict[tuple[str, str], Attrs]:
    """What we wrote into groups of ours that are nowhere to be seen, by anchor."""
    seen = {native for key, native in facts.observed.natives.items() if key.kind is Kind.GROUP}
    return {
        row.origin.anchor: row.attrs
        for key, row in facts.owned.items()
        if key.kind is Kind.GROUP and (row.claimed or row.native not in seen)
    }


def _anchors(facts: Facts, key: Key) -> Iterator[tuple[str, str]]:
    origin = facts.desired.origins[key]
    yield origin.anchor
    yield from former_anchors(origin)


def _number(attrs: Attrs) -> str:
    return next(iter(attrs.get(GID, ())), "")


def _note_used(job: Job, facts: Facts) -> None:
    """What groups of ours have is given for good: a group that is gone leaves its number behind."""
    seen = {native: key for key, native in facts.observed.natives.items() if key.kind is Kind.GROUP}
    groups = [row for key, row in facts.owned.items() if key.kind is Kind.GROUP]
    here = (facts.observed.state.get(seen.get(row.native, row.key), {}) for row in groups)
    texts = {_number(row.attrs) or _number(attrs) for row, attrs in zip(groups, here, strict=True)}
    given, kept = job.store.numbers.given(job.mapping)
    news = {int(text) for text in texts if text} - (given - frozenset(kept.values()))
    if news:
        job.store.numbers.use(job.mapping, news)


class _Giver:
    """Finds numbers for groups that have none, and keeps them in the store."""

    def __init__(self, job: Job, name: str, target: Numbering, numbers: GidNumbers, facts: Facts) -> None:
        self._job = job
        self._name = name
        self._target = target
        self._numbers = numbers
        self._facts = facts
        self._seen = {int(number) for attrs in facts.observed.state.values() if (number := _number(attrs))}

    def give(self, groups: Sequence[Key]) -> dict[Key, str]:
        """Numbers for as many of the groups as there are, kept before they are told."""
        while True:
            given, kept = self._job.store.numbers.given(self._job.mapping)
            found = self._kept(groups, kept)
            lacking = [key for key in groups if key not in found]
            free = self._free(given, len(lacking))
            if not lacking or not free:
                return {key: str(number) for key, number in found.items()}
            pairs = zip(lacking, free, strict=False)
            self._job.store.numbers.keep(self._job.mapping, {self._holder(key): one for key, one in pairs})

    def _kept(self, groups: Sequence[Key], kept: Mapping[Holder, int]) -> dict[Key, int]:
        """What was kept for these groups before; what somebody else took meanwhile is given up."""
        found: dict[Key, int] = {}
        for key in groups:
            holders = ((self._name, *anchor) for anchor in _anchors(self._facts, key))
            number = next((kept[one] for one in holders if one in kept), None)
            if number is not None and number not in found.values():
                found[key] = number
        taken = self._target.numbers_in_use(sorted(found.values())) | self._seen
        if lost := taken.intersection(found.values()):
            self._job.store.numbers.use(self._job.mapping, lost)
        return {key: number for key, number in found.items() if number not in taken}

    def _free(self, given: frozenset[int], count: int) -> list[int]:
        found: list[int] = []
        numbers = range(self._numbers.from_, self._numbers.to + 1)
        open_ = (one for one in numbers if one not in given and one not in self._seen)
        while len(found) < count and (lot := list(islice(open_, LOT))):
            found += sorted(set(lot) - self._target.numbers_in_use(lot))
        return found[:count]

    def _holder(self, key: Key) -> Holder:
        return (self._name, *self._facts.desired.origins[key].anchor)


def under_former_names(
    job: Job, name: str, observed: Observation, owned: Sequence[Owned], people: Resolution
) -> list[Owned]:
    """Members of POSIX groups whom we put there under a login name that they no longer have, as ours.

    No server follows a `uid` that changes, and whoever gets the old one would be a member. A name that is
    somebody else's by now counts as long as the person is not in the group under the present one.
    """
    output = job.files.compiled.ldap.get(name)
    if output is None or output.group_class != POSIX:
        return []
    strangers: dict[tuple[str, ...], list[tuple[str, Key]]] = defaultdict(list)
    logins = {one.native: fold(one.login) for one in observed.accounts if one.login}
    logins |= {person: fold(one.login) for (person, at), one in people.accounts.items() if at == name}
    ours = {row.key for row in owned}
    for key in observed.state:
        if key.kind is Kind.MEMBER and not key.nests and key not in ours:
            member = key.item[0]
            login = fold(member.removeprefix(LOGIN)) if member.startswith(LOGIN) else logins.get(member, "")
            strangers[key.place].append((login, key))
    return [
        Owned(key, "", {}, row.origin)
        for row in owned
        if row.key.kind is Kind.MEMBER and row.key.place in strangers
        for login, key in strangers[row.key.place]
        if login in _names(people, row.key.item[0])
        and (key.item[0].startswith(LOGIN) or row.key not in observed.state)
    ]


def _names(people: Resolution, person: str) -> frozenset[str]:
    known = people.persons.get(person)
    return known.usernames if known else frozenset()
