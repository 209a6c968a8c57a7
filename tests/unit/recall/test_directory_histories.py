"""After any history of a model directory, a read that remembers finds, or refuses, what a whole read does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import IncompleteRead, PermissionMissing, PlaceMissing, TargetError
from syncd.model import Key, Kind, Observation, Scope
from syncd.targets import ldap_read
from syncd.targets.ldap_profile import PLACEHOLDER, LdapProfile
from syncd.targets.ldap_recall import LdapRecall
from tests.model_directory import ModelDirectory
from tests.recalling import Kept, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.ldapwire.directory import Directory

ROOT, GROUPS, PEOPLE, ELSEWHERE = "dc=x", "ou=groups,dc=x", "ou=people,dc=x", "ou=elsewhere,dc=x"
APART = LdapProfile(GROUPS, PEOPLE, marker="test/acme")
PROFILES = (APART, LdapProfile(GROUPS, marker="test/acme"), LdapProfile(GROUPS, ROOT, marker="test/acme"))
NAMED = 8
TEAM, LEAD = f"ou=team,{GROUPS}", f"cn=lead,ou=team,{GROUPS}"
ANN = f"uid=ann,{PEOPLE}"
EVERYTHING = Scope(
    tops=frozenset({(GROUPS,)}),
    members_of=frozenset({(GROUPS, "ou=team", "cn=lead")}),
    people=frozenset({"ann@example.org"}),
)


def read(
    model: ModelDirectory, scope: Scope, kept: Kept | None = None, profile: LdapProfile = APART
) -> Observation:
    directory = cast("Directory", model)
    if kept is None:
        return ldap_read.read(directory, profile, "ldap", scope)[0]
    containers, people = LdapRecall(directory, profile, "ldap", kept.keeper).entries(scope)
    return ldap_read.observed(directory, profile, "ldap", scope, containers, people)[0]


def outcome(*arguments: object) -> Observation | type[TargetError]:
    """What a read finds, or how it refuses."""
    try:
        return read(*arguments)  # type: ignore[arg-type]
    except TargetError as refused:
        return type(refused)


def check(
    model: ModelDirectory, scope: Scope, kept: Kept, profile: LdapProfile = APART
) -> Observation | type[TargetError]:
    """A run that remembers, and that it found or refused what a whole read does."""
    found, whole = outcome(model, scope, kept, profile), outcome(model, scope, None, profile)
    if isinstance(found, Observation) and isinstance(whole, Observation):
        same(without_strangers(found), without_strangers(whole))
    else:
        assert found == whole
    return found


def without_strangers(seen: Observation) -> Observation:
    """Without members known by DN alone: where they lie, what happens to them need not be shown."""
    state = {
        key: attrs
        for key, attrs in seen.state.items()
        if key.kind is not Kind.MEMBER or len(key.item) > 1 or "=" not in key.item[0]
    }
    return replace(seen, state=state)


def make_person(model: ModelDirectory, name: str, parent: str) -> None:
    values = {"uid": name, "cn": name, "sn": name, "mail": f"{name}@example.org"}
    model.add(f"uid={name},{parent}", objectClass="inetOrgPerson", **values)


@dataclass
class History:
    """A directory with two bases and a place beside them, and steps that change it."""

    model: ModelDirectory
    random: Random
    number: int = 0

    def __post_init__(self) -> None:
        self.model.add(ROOT, objectClass="dcObject")
        self.restore()
        for where in (*(f"ou={name},{GROUPS}" for name in "ab"), f"ou=desk,{PEOPLE}"):
            self.model.add(where, objectClass="organizationalUnit")
        for _ in range(4):
            self.number += 1
            self.make_group()
            self.make_person()

    def step(self) -> str:
        self.number += 1
        steps: list[Callable[[], None]] = [
            *([self.make_unit, self.make_group, self.make_person, self.join] * 3),
            *([self.move_unit, self.move_group, self.move_person] * 3),
            *(self.describe, self.mail, self.remove, self.hide, self.hide_names, self.forbid, self.refer),
            *([self.show, self.restore] * 3),
        ]
        act = self.random.choice(steps)
        act()
        return act.__name__

    def scope(self) -> Scope:
        """What a mapping, or a part of it, might ask."""
        tops = [(GROUPS,)] if self.random.random() < 0.7 else [(GROUPS, f"ou={name}") for name in "ab"]
        texts = [text for number in range(NAMED) for text in (f"u{number}", f"u{number}@example.org")]
        places = [tuple(reversed(one.removesuffix(f",{GROUPS}").split(","))) for one in self._all("cn=")]
        return Scope(
            tops=frozenset(tops),
            members_of=frozenset((GROUPS, *place) for place in places),
            people=frozenset(self.random.sample(texts, self.random.choice((0, 10, 10, 10)))),
        )

    # --- steps

    def make_unit(self) -> None:
        self.model.add(f"ou=unit{self.number},{self._unit()}", objectClass="organizationalUnit")

    def make_group(self) -> None:
        where = f"cn=group{self.number},{self._unit()}"
        self.model.add(where, objectClass="groupOfNames", cn=f"group{self.number}", member=PLACEHOLDER)

    def make_person(self) -> None:
        make_person(self.model, f"u{self.random.randrange(NAMED)}", self._unit())

    def join(self) -> None:
        for group in self._some("cn="):
            members = [PLACEHOLDER, *self._some("uid="), *self._some("cn=")]
            self.model.change(group, member=tuple(one.encode() for one in members))

    def describe(self) -> None:
        for group in self._some("cn="):
            self.model.change(group, description=(f"number {self.number}".encode(),))

    def mail(self) -> None:
        for one in self._some("uid="):
            self.model.change(one, mail=(f"u{self.random.randrange(NAMED)}@example.org".encode(),))

    def move_unit(self) -> None:
        self._move("ou=")

    def move_group(self) -> None:
        self._move("cn=")

    def move_person(self) -> None:
        self._move("uid=")

    def remove(self) -> None:
        for one in self._some(self.random.choice(("ou=", "cn=", "uid="))):
            self.model.remove(one)

    def hide(self) -> None:
        self.model.hidden |= {self._anything()}

    def hide_names(self) -> None:
        self.model.nameless |= {self._anything()}

    def forbid(self) -> None:
        self.model.forbidden |= {self._anything()}

    def refer(self) -> None:
        self.model.referred |= {self._anything()}

    def show(self) -> None:
        self.model.show()

    def restore(self) -> None:
        for base in (GROUPS, PEOPLE, ELSEWHERE):
            self.model.add(base, objectClass="organizationalUnit")

    # --- what there is

    def _move(self, kind: str) -> None:
        for one in self._some(kind):
            self.model.move(one, one.partition(",")[0], self._unit())

    def _anything(self) -> str:
        return self.random.choice(self.model.below(ROOT))

    def _unit(self) -> str:
        return self.random.choice(self._all("ou=") or [ROOT])

    def _some(self, kind: str) -> list[str]:
        """One of a kind, where there is any."""
        return [self.random.choice(found)] if (found := self._all(kind)) else []

    def _all(self, kind: str) -> list[str]:
        return [where for where in self.model.below(ROOT) if where.startswith(kind)]


@given(st.randoms(use_true_random=False), st.sampled_from(PROFILES), st.lists(st.integers(0, 4), max_size=12))
def test_it_finds_or_refuses_what_a_whole_read_does(
    random: Random, profile: LdapProfile, rounds: list[int]
) -> None:
    model, kept = ModelDirectory(), Kept()
    history = History(model, random)
    scope = history.scope()
    check(model, scope, kept, profile)
    for steps in rounds:
        taken = [history.step() for _ in range(steps)]
        if random.random() < 0.3:
            scope = history.scope()
        try:
            check(model, scope, kept, profile)
        except Exception as error:
            error.add_note(f"after {taken}")
            raise


@pytest.fixture
def model() -> ModelDirectory:
    """A team with a lead, who is Ann."""
    made = ModelDirectory()
    for where in (ROOT, GROUPS, PEOPLE, ELSEWHERE, TEAM):
        made.add(where, objectClass="organizationalUnit")
    make_person(made, "ann", PEOPLE)
    made.add(LEAD, objectClass="groupOfNames", cn="lead", member=ANN)
    return made


@pytest.fixture
def kept(model: ModelDirectory) -> Kept:
    """The memory of two runs."""
    made = Kept()
    check(model, EVERYTHING, made)
    check(model, EVERYTHING, made)
    return made


def price(model: ModelDirectory, kept: Kept) -> int:
    """What a run that remembers asks for."""
    before = model.requests
    read(model, EVERYTHING, kept)
    return model.requests - before


@pytest.mark.parametrize("place", [PEOPLE, GROUPS, ROOT, ANN])
def test_entries_that_lose_their_ids_are_never_taken_for_gone(
    model: ModelDirectory, kept: Kept, place: str
) -> None:
    model.nameless = {place}
    assert check(model, EVERYTHING, kept) is PermissionMissing
    model.show()
    assert isinstance(check(model, EVERYTHING, kept), Observation)
    assert price(model, kept) == 1


@pytest.mark.parametrize("base", [GROUPS, PEOPLE])
def test_a_base_that_is_not_shown_any_more_is_refused(model: ModelDirectory, kept: Kept, base: str) -> None:
    model.hidden = {base}
    assert check(model, EVERYTHING, kept) is PlaceMissing
    model.show()
    model.remove(base)
    assert check(model, EVERYTHING, kept) is PlaceMissing


def test_a_part_that_came_to_lie_on_another_server_is_refused(model: ModelDirectory, kept: Kept) -> None:
    model.remove(LEAD)
    model.referred = {TEAM}
    assert check(model, EVERYTHING, kept) is IncompleteRead


def test_people_on_another_server_are_as_unknown_as_to_a_whole_read(
    model: ModelDirectory, kept: Kept
) -> None:
    model.referred = {ANN}
    for _ in range(2):
        check(model, EVERYTHING, kept)
    assert price(model, kept) == 1 + 1  # each base by itself


def test_a_place_that_may_not_be_read_any_more_is_refused(model: ModelDirectory) -> None:
    kept, scope = Kept(), Scope(tops=frozenset({(GROUPS, "ou=team")}))
    check(model, scope, kept)
    model.forbidden = {TEAM}
    assert check(model, scope, kept) is PermissionMissing


def test_other_places_to_read_make_a_read_whole(model: ModelDirectory) -> None:
    """As those of a part, when a root unit is renamed."""
    kept = Kept()
    model.add(f"ou=other,{GROUPS}", objectClass="organizationalUnit")
    model.add(f"cn=second,ou=other,{GROUPS}", objectClass="groupOfNames", cn="second", member=ANN)
    for top in ("ou=team", "ou=other"):
        found = check(model, Scope(tops=frozenset({(GROUPS, top)})), kept)
        assert isinstance(found, Observation)
        assert len(found.state) == 2


def test_a_member_who_comes_from_outside_is_known_in_her_group(model: ModelDirectory, kept: Kept) -> None:
    """As slapd's refint has it: her group names her new DN, and has no new stamp."""
    model.add(f"cn=hidden,{ROOT}", objectClass="device")
    model.hidden = {f"cn=hidden,{ROOT}"}
    model.move(ANN, "uid=ann", f"cn=hidden,{ROOT}")
    check(model, EVERYTHING, kept)
    check(model, EVERYTHING, kept)
    model.move(f"uid=ann,cn=hidden,{ROOT}", "uid=ann", PEOPLE)
    found = check(model, EVERYTHING, kept)
    assert isinstance(found, Observation)
    assert any(key.kind is Kind.MEMBER and "=" not in key.item[-1] for key in found.state)


def test_entries_without_an_id_beside_the_bases_concern_nobody(model: ModelDirectory, kept: Kept) -> None:
    model.nameless = {ELSEWHERE}
    assert price(model, kept) == 1


def test_a_person_who_left_the_base_of_people_is_not_known(model: ModelDirectory, kept: Kept) -> None:
    model.move(ANN, "uid=ann", ELSEWHERE)
    found = check(model, EVERYTHING, kept)
    assert isinstance(found, Observation)
    assert not found.accounts
    model.move(f"uid=ann,{ELSEWHERE}", "uid=ann", PEOPLE)
    found = check(model, EVERYTHING, kept)
    assert isinstance(found, Observation)
    assert [account.username for account in found.accounts] == ["ann"]


def test_a_unit_leaves_the_base_and_comes_back_with_all_that_is_in_it(
    model: ModelDirectory, kept: Kept
) -> None:
    lead = Key(Kind.GROUP, (GROUPS, "ou=team", "cn=lead"))
    model.move(TEAM, "ou=team", ELSEWHERE)
    found = check(model, EVERYTHING, kept)
    assert isinstance(found, Observation)
    assert not found.state
    assert price(model, kept) == 1
    model.move(f"ou=team,{ELSEWHERE}", "ou=team", GROUPS)
    found = check(model, EVERYTHING, kept)
    assert isinstance(found, Observation)
    assert lead in found.state


def test_what_is_renamed_within_the_base_is_not_read_again(model: ModelDirectory, kept: Kept) -> None:
    for number in range(300):
        model.add(f"ou=unit{number},{TEAM}", objectClass="organizationalUnit")
    check(model, EVERYTHING, kept)
    model.move(TEAM, "ou=squad", GROUPS)
    check(model, EVERYTHING, kept)
    model.move(f"ou=squad,{GROUPS}", "ou=team", GROUPS)
    assert price(model, kept) == 1 + 2  # the unit itself; a person by that id, who might be named


def test_a_name_that_cannot_be_read_is_no_fault(model: ModelDirectory, kept: Kept) -> None:
    odd = f"odd_name=a,{ELSEWHERE}"
    model.add(odd, objectClass="device")
    assert isinstance(check(model, EVERYTHING, kept), Observation)
    model.move(odd, "odd_name=b", ELSEWHERE)
    assert isinstance(check(model, EVERYTHING, kept), Observation)


def test_ids_that_may_be_read_but_not_searched_for_make_a_read_whole(
    model: ModelDirectory, kept: Kept
) -> None:
    model.unsearchable = {"entryuuid"}
    model.change(LEAD, description=(b"changed",))
    found = check(model, EVERYTHING, kept)
    assert isinstance(found, Observation)
    assert Key(Kind.GROUP, (GROUPS, "ou=team", "cn=lead")) in found.state


def test_the_history_reaches_every_end() -> None:
    """That the property is not true of refusals alone."""
    ends: Counter[str] = Counter()
    for seed in range(60):
        history = History(ModelDirectory(), Random(seed))
        for _ in range(12):
            history.step()
        end = outcome(history.model, history.scope())
        ends["found" if isinstance(end, Observation) else end.__name__] += 1
    assert set(ends) == {"found", "PlaceMissing", "PermissionMissing", "IncompleteRead"}
    assert ends["found"] > 20
